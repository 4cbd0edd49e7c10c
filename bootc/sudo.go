package bootc

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/bootloom/bootloom/internal/lazyregexp"
)

// Sudo lets accounts or groups run commands as another account, by a file in /etc/sudoers.d: sudo reads no directory below
// /usr. It writes the one kind of rule that most people need, with what sudoers(5) wants quoted; others are a DropIn.
type Sudo struct {
	// Name of the file: letters, digits, "-" and "_". sudo ignores names with a dot.
	Name string
	// Who are accounts, or groups with "%" before them: "ops", "%wheel".
	Who []string
	// Commands are absolute paths. Arguments after it must be the very same when the command is run; a path alone allows
	// all of them, and one with `""` none. "ALL" is everything.
	Commands []string
	// RunAs is the account that the commands run as; the zero value is root.
	RunAs string `json:",omitzero"`
	// NoPassword asks for no password, which accounts of User do not have.
	NoPassword bool `json:",omitzero"`
}

// sudoQuote quotes what has a meaning in a command of sudoers.
var sudoQuote = strings.NewReplacer(`\`, `\\`, ",", `\,`, ":", `\:`, "=", `\=`, "#", `\#`)

// Contribute writes the rule.
func (s Sudo) Contribute(d *Draft) error {
	var errs []error
	if !quietName.MatchString(s.Name) {
		errs = append(errs, Errorf("Name", "%q would be ignored: names in sudoers.d are letters, digits, - and _, without dots", s.Name))
	}
	if len(s.Who) == 0 {
		errs = append(errs, Errorf("Who", "is empty"))
	}
	for i, who := range s.Who {
		if !accountName.MatchString(strings.TrimPrefix(who, "%")) || who == "ALL" {
			errs = append(errs, Errorf(indexed("Who", i), "%q is not an account, or %% and a group", who))
		}
	}
	runAs := cmp.Or(s.RunAs, "root")
	if !accountName.MatchString(runAs) {
		errs = append(errs, Errorf("RunAs", "%q is not an account", s.RunAs))
	}
	if len(s.Commands) == 0 {
		errs = append(errs, Errorf("Commands", "is empty"))
	}
	var commands []string
	for i, c := range s.Commands {
		if err := checkCommand(c); err != nil {
			errs = append(errs, &FieldError{indexed("Commands", i), err})
		}
		if c == "ALL" && s.NoPassword && runAs == "root" {
			d.Warnf(indexed("Commands", i), "ALL with NoPassword: whoever gets to be %s has the machine", list(s.Who))
		}
		commands = append(commands, sudoQuote.Replace(c))
	}
	if err := join(errs); err != nil {
		return err
	}
	tag := ""
	if s.NoPassword {
		tag = "NOPASSWD: "
	}
	text := fmt.Sprintf("%s ALL=(%s) %s%s\n", strings.Join(s.Who, ", "), runAs, tag, strings.Join(commands, ", "))
	return d.Use("", DropIn{Path: "/etc/sudoers.d/" + s.Name, Content: text})
}

func checkCommand(c string) error {
	if c == "ALL" {
		return nil
	}
	program, args, _ := strings.Cut(c, " ")
	switch {
	case !path.IsAbs(program) || path.Clean(program) != program || program == "/":
		return fmt.Errorf("%q does not begin with the absolute path of a program", c)
	case strings.ContainsAny(c, "*?[]") || strings.HasPrefix(args, "^"):
		return fmt.Errorf("%q has a pattern, which matches more than it seems to, such as further arguments: name each command, or write a DropIn", c)
	case strings.ContainsFunc(c, control) || strings.Contains(c, "!"):
		return fmt.Errorf("%q has a character that sudoers cannot hold", c)
	}
	return nil
}

var sudoRule = lazyregexp.New(`^[^\s=][^=]*\s[^=]*=\s*\S`)

// checkSudoers finds lines that are no rule of sudoers(5) at all; sudo would leave out the file, or stop working.
func checkSudoers(text string) error {
	return content(strings.ReplaceAll(text, "\\\n", " "), "", func(_ int, line string) error {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#include"), strings.HasPrefix(word, "@include"), strings.HasPrefix(word, "#include"):
			return nil
		case strings.HasPrefix(word, "Defaults"):
			return nil
		case strings.HasSuffix(word, "_Alias"):
			if !strings.Contains(rest, "=") {
				return fmt.Errorf("%q gives no value to the alias", line)
			}
			return nil
		case !sudoRule.MatchString(strings.ReplaceAll(strings.ReplaceAll(line, `\=`, ""), "\t", " ")):
			return fmt.Errorf("%q is not a rule, such as %%wheel ALL=(ALL) ALL", line)
		}
		return nil
	})
}
