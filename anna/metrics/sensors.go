package metrics

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A Sensor is one temperature of a hwmon chip.
type Sensor struct {
	Chip    string // "coretemp"
	Label   string // "Package id 0", else "temp1"
	Celsius Figure[float64]
}

// readSensors reads /sys/class/hwmon (Documentation/hwmon/sysfs-interface).
// Disks behind drivetemp are not asked: the question resets the timer after
// which some of them spin down.
func readSensors(dir string) (Figure[[]Sensor], int) {
	chips, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Unknown[[]Sensor]("this machine shows no sensors"), 0
	}
	if err != nil {
		return unknownErr[[]Sensor]("/sys/class/hwmon", err), 0
	}
	list, left := []Sensor{}, 0
	for _, c := range chips {
		path := filepath.Join(dir, c.Name())
		chip, err := readWord(filepath.Join(path, "name"))
		if err != nil {
			chip = c.Name()
		}
		for _, input := range inputs(path) {
			if len(list) == maxSensors {
				left++
				continue
			}
			list = append(list, readSensor(path, chip, input))
		}
	}
	return Known(list), left
}

// inputs returns the names temp1, temp2 ... of a chip, in numeric order.
func inputs(path string) []string {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	var numbers []int
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), "temp")
		middle, ok2 := strings.CutSuffix(middle, "_input")
		if n, err := strconv.Atoi(middle); ok && ok2 && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = "temp" + strconv.Itoa(n)
	}
	return names
}

func readSensor(path, chip, input string) Sensor {
	s := Sensor{Chip: chip, Label: input}
	if label, err := readWord(filepath.Join(path, input+"_label")); err == nil && label != "" {
		s.Label = label
	}
	if chip == "drivetemp" {
		s.Celsius = Unknown[float64]("not asked: the question keeps a disk from spinning down")
		return s
	}
	text, err := readWord(filepath.Join(path, input+"_input"))
	if err != nil {
		s.Celsius = unknownErr[float64](input+"_input", err)
		return s
	}
	milli, err := strconv.ParseInt(text, 10, 64)
	if err != nil || milli < -273_150 || milli > 1_000_000 {
		s.Celsius = Unknown[float64]("the sensor says " + quote(text) + ", which is no temperature")
		return s
	}
	s.Celsius = Known(float64(milli) / 1000)
	return s
}
