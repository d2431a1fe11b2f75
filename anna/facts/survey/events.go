package survey

import (
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Kernel is what the kernel source saw last.
func Kernel(f events.KernelFacts) *facts.Branch {
	b := facts.NewBranch()
	b.Set("kernel.running", facts.Str(f.Running))
	b.Set("kernel.installed", facts.Strs(append([]string{}, f.Installed...)))
	b.Set("kernel.reboot_needed", facts.Flag(f.RebootNeeded))
	b.Set("kernel.reboot_reasons", facts.Strs(append([]string{}, f.Reasons...)))
	b.Set("kernel.modules_missing", facts.Flag(f.ModulesMissing))
	b.Set("kernel.libc_replaced", facts.Flag(!f.LibcReplaced.IsZero()))
	b.Set("kernel.systemd_replaced", facts.Flag(!f.SystemdReplaced.IsZero()))
	return b
}

// Packages is what the packages source saw last.
func Packages(f *events.PackageFacts) *facts.Branch {
	b := facts.NewBranch()
	b.Set("packages.managers", facts.Strs(append([]string{}, f.Managers...)))
	installed, versions := map[string]facts.Value{}, map[string]facts.Value{}
	for name, version := range f.Versions {
		installed[name], versions[name] = facts.Flag(true), facts.Str(version)
	}
	others, noVersion := facts.Rest("installed"), facts.Rest("version")
	if f.Whole {
		why := facts.Unknown("of rpm's database only that it changes can be seen")
		b.Set("packages.count", why)
		b.Set("packages.broken", why)
		others, noVersion = why, why
	} else {
		b.Set("packages.count", facts.Num(len(f.Versions)))
		b.Set("packages.broken", facts.Strs(append([]string{}, f.Broken...)))
	}
	b.Name("installed", installed, others)
	b.Name("version", versions, noVersion)
	return b
}
