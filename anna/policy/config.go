package policy

import "github.com/jjgarcianorway/anna-assistant/anna/config"

// LoadConfig is config.Load with the rules judged as well: what the daemon would
// say of the configuration at path.
func LoadConfig(path string) (*config.Config, config.Report) {
	return config.Parse(config.Read(path), config.Options{Groups: config.SystemGroups("/"), CheckPolicies: Check, ForeignPolicy: Foreign})
}
