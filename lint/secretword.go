package lint

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// secretWords name secrets in the names of variables, of which each is one word or two in a row.
var secretWords = strings.Fields(`PASSWORD PASSWD PWORD PASSPHRASE PASS PSK SECRET SECRETS TOKEN CREDENTIAL CREDENTIALS APIKEY API_KEY ACCESS_KEY
SECRET_KEY PRIVATE_KEY SIGNING_KEY ENCRYPTION_KEY ACTIVATION_KEY ACTIVATIONKEY AUTH_KEY DEPLOY_KEY LICENSE_KEY SSH_KEY CLIENT_KEY`)

// notSecret end the names of variables that say something about a secret and are none.
var notSecret = strings.Fields("FILE PATH DIR URL URI NAME ID TYPE USER MOUNT ALGORITHM LENGTH SERVER HOST ENDPOINT TTL EXPIRY VERSION ENABLED POLICY TITLE FORMAT")

// secretVariable says whether a variable, label or option has the name of a secret.
func secretVariable(name string) bool {
	words := strings.FieldsFunc(snake(name), func(r rune) bool { return r == '_' })
	if len(words) == 0 || slices.Contains(words, "PUBLIC") || slices.Contains(words, "PUB") || slices.Contains(notSecret, words[len(words)-1]) {
		return false
	}
	for i, w := range words {
		if slices.Contains(secretWords, w) || i+1 < len(words) && slices.Contains(secretWords, w+"_"+words[i+1]) {
			return true
		}
	}
	return false
}

// snake writes apiKey, api-key and acme.api.key as API_KEY.
func snake(s string) string {
	var b strings.Builder
	lower := false
	for _, r := range s {
		switch {
		case r == '-' || r == '.' || r == ' ' || r == '/':
			r, lower = '_', false
		case r >= 'A' && r <= 'Z':
			if lower {
				b.WriteByte('_')
			}
			lower = false
		default:
			lower = r >= 'a' && r <= 'z'
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// secretValue says whether what stands in a secret's place is one: something that is written out, and no word for it.
func secretValue(v string) bool {
	low := strings.ToLower(strings.TrimSpace(v))
	switch low {
	case "true", "false", "yes", "no", "none", "null", "0", "1", "-", "disabled", "enabled", "required", "optional", "prompt", "stdin":
		return false
	}
	return len(low) >= 3 && !placeholder(low) && !strings.HasPrefix(low, "/") && !strings.HasPrefix(low, "file:") && !strings.HasPrefix(low, "env:") && !strings.Contains(low, "$(")
}

// secretFlag is a flag whose value is a secret, with the programs that it is one of; no programs are all.
type secretFlag struct {
	names    []string
	programs []string
	verb     string // that the command must have, if any
	// cut takes the secret out of a value that has more in it.
	cut func(value string) string
}

var secretFlags = []secretFlag{
	{names: []string{"--password", "--passphrase", "--activationkey", "--activation-key", "--api-key", "--token", "--access-token", "--client-secret", "--secret-key", "--http-password", "--proxy-password", "--rootpw"}},
	{names: []string{"-p"}, programs: []string{"podman", "docker", "buildah", "skopeo", "oc"}, verb: "login"},
	{names: []string{"-p", "-a"}, programs: []string{"rhc"}, verb: "connect"},
	{names: []string{"-p"}, programs: []string{"sshpass"}},
	{names: []string{"-u", "--user", "-U", "--proxy-user"}, programs: []string{"curl"}, cut: afterColon},
	{names: []string{"-H", "--header"}, programs: []string{"curl", "wget", "http"}, cut: authorization},
	{names: []string{"-passin", "-passout", "-pass"}, programs: []string{"openssl"}, cut: func(v string) string { return cutPrefix(v, "pass:") }},
}

func afterColon(v string) string {
	_, password, _ := strings.Cut(v, ":")
	return password
}

func cutPrefix(v, prefix string) string {
	rest, ok := strings.CutPrefix(v, prefix)
	if !ok {
		return ""
	}
	return rest
}

// authorization is the secret of a header.
func authorization(v string) string {
	name, value, _ := strings.Cut(v, ":")
	value = strings.TrimSpace(value)
	switch low := strings.ToLower(strings.TrimSpace(name)); {
	case low == "authorization":
		_, value, _ = strings.Cut(value, " ")
		return value
	case strings.Contains(low, "token") || strings.Contains(low, "api-key"):
		return value
	}
	return ""
}

// secretArgument is a secret that is written out in a command: the value of a flag, or what is printed to a program that reads
// a password. how says where it stands.
func secretArgument(c *Command) (value, how string) {
	for _, f := range secretFlags {
		if len(f.programs) > 0 && !c.Is(f.programs...) || f.verb != "" && !slices.ContainsFunc(c.Operands(), func(w Word) bool { return w.Text == f.verb }) {
			continue
		}
		for _, name := range f.names {
			w, ok := c.Value(name)
			if !ok || !w.Known {
				continue
			}
			v := w.Text
			if f.cut != nil {
				v = f.cut(v)
			}
			if secretValue(v) {
				return v, name
			}
		}
	}
	if from := c.Reads; from != nil && c.Has("--password-stdin", "--stdin", "--passphrase-fd", "-stdin") && from.Output.Known {
		if v := strings.TrimSpace(from.Output.Text); secretValue(v) {
			return v, from.Name + " to its standard input"
		}
	}
	return "", ""
}

var flagValue = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)((?:--(?:password|passphrase|activation-?key|api-key|token|access-token|client-secret|secret-key|http-password|rootpw)[= ]|` +
		`\blogin\b[^|;&]*? -p[= ]?|\bsshpass -p ?|\bcurl\b[^|;&]*? -u[= ]?[^ :]*:|\b[a-z_]*(?:password|passwd|secret|token|api_?key|activation_?key)=)["']?)([^\s"'$|;&]+)`)
})

// redactAll takes the secrets out of a text, such as a command.
func redactAll(text string) string {
	return flagValue().ReplaceAllStringFunc(redactForms(text), func(m string) string {
		parts := flagValue().FindStringSubmatch(m)
		if strings.Contains(parts[2], "…[") || !secretValue(parts[2]) {
			return m
		}
		return parts[1] + Redact(parts[2])
	})
}

// redactForms takes out what has the form of a secret.
func redactForms(text string) string {
	for _, s := range findSecrets([]byte(text)) {
		text = strings.ReplaceAll(text, s.value, Redact(s.value))
	}
	return text
}
