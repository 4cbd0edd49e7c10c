package lint

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// secretKind is one kind of secret that can be told by its form.
type secretKind struct {
	what string
	// literals of which one is in every secret of the kind; the pattern runs only over text that has one.
	literals []string
	// pattern matches the secret; if it has a group, that is the secret.
	pattern string
	// holds says no to what only looks like one; nil is yes.
	holds func(match string) bool
}

// secretKinds have forms that nothing else has. Their makers publish the prefixes so that scanners can find them.
var secretKinds = []secretKind{
	{"a private key", []string{"PRIVATE KEY"}, `-----BEGIN (?:[A-Z]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r)+(?:[A-Za-z-]+: [^\n]*\n)*\s*[A-Za-z0-9+/=]{24,}`, isKey},
	{"the key of a client certificate", []string{"client-key-data"}, `client-key-data["']?:\s*["']?([A-Za-z0-9+/]{40,}={0,2})`, nil},
	{"a login for a registry", []string{`"auths"`}, `"auths"\s*:\s*\{[^}]*"(?:auth|identitytoken|registrytoken|password)"\s*:\s*"([^"]{4,})"`, nil},
	{"an access key of AWS", []string{"AKIA", "ASIA"}, `\b((?:AKIA|ASIA)[A-Z2-7]{16})\b`, random},
	{"a secret key of AWS", []string{"aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"}, `(?i:aws_secret_access_key)["']?\s*[=:]\s*["']?([A-Za-z0-9/+]{40})\b`, random},
	{"a token of GitHub", []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_"}, `\b(gh[pousr]_[A-Za-z0-9]{36,})\b`, random},
	{"a token of GitHub", []string{"github_pat_"}, `\b(github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b`, random},
	{"a token of GitLab", []string{"glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"}, `\b(gl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,})\b`, random},
	{"a token of Slack", []string{"xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "xapp-"}, `\b((?:xox[abprs]|xapp)-[A-Za-z0-9-]{20,})\b`, random},
	{"a webhook of Slack", []string{"hooks.slack.com/services/"}, `hooks\.slack\.com/services/(T[A-Z0-9]{8,}/B[A-Z0-9]{8,}/[A-Za-z0-9]{20,})`, random},
	{"a key of Stripe", []string{"sk_live_", "rk_live_"}, `\b([sr]k_live_[A-Za-z0-9]{20,})\b`, random},
	{"a key of Google", []string{"AIza"}, `\b(AIza[A-Za-z0-9_-]{35})\b`, random},
	{"a token of Docker", []string{"dckr_pat_", "dckr_oat_"}, `\b(dckr_[po]at_[A-Za-z0-9_-]{24,})`, random},
	{"a token of Vault", []string{"hvs.", "hvb.", "hvr."}, `\b(hv[sbr]\.[A-Za-z0-9_-]{24,})`, random},
	{"a JSON web token", []string{"eyJ"}, `\b(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,})`, isJWT},
	{"a token of npm", []string{"npm_"}, `\b(npm_[A-Za-z0-9]{36})\b`, random},
	{"a token of PyPI", []string{"pypi-AgEIcHlwaS5vcmc"}, `\b(pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,})`, nil},
	{"a token of DigitalOcean", []string{"dop_v1_", "doo_v1_", "dor_v1_"}, `\b(do[por]_v1_[a-f0-9]{64})\b`, random},
	{"a key of SendGrid", []string{"SG."}, `\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})\b`, random},
	{"a key of Anthropic", []string{"sk-ant-"}, `\b(sk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,})`, random},
	{"a key of OpenAI", []string{"sk-proj-", "T3BlbkFJ"}, `\b(sk-(?:proj-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}))`, random},
	{"a token of Hugging Face", []string{"hf_"}, `\b(hf_[A-Za-z0-9]{34})\b`, random},
	{"the key of an Azure account", []string{"AccountKey="}, `AccountKey=([A-Za-z0-9+/]{86}==)`, random},
	{"a key of age", []string{"AGE-SECRET-KEY-1"}, `\b(AGE-SECRET-KEY-1[A-Z0-9]{58})\b`, random},
	{"a key of Tailscale", []string{"tskey-"}, `\b(tskey-(?:auth|client|api)-[A-Za-z0-9-]{20,})`, random},
	{"a token of OpenShift", []string{"sha256~"}, `\b(sha256~[A-Za-z0-9_-]{43})`, random},
	{"a token of Grafana", []string{"glsa_", "glc_"}, `\b(glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}|glc_[A-Za-z0-9+/]{32,}={0,2})`, random},
	{"a password in a URL", []string{"https://", "http://"}, `\bhttps?://[A-Za-z0-9._%+-]+:([^\s/@:'"<>{}$*]{4,})@[A-Za-z0-9.-]+\.[a-z]{2,}`, random},
}

// secretLiterals are those of all kinds. The one for URLs is in nearly every text, so that it only serves for short ones, such as
// a RUN.
var secretLiterals, shortLiterals = func() (all, short []string) {
	for _, k := range secretKinds {
		short = append(short, k.literals...)
		if k.literals[0] != "https://" {
			all = append(all, k.literals...)
		}
	}
	return all, short
}()

// What finds them is compiled by the first who looks: a program that only links this package does not pay for it.
var (
	secretFinder   = sync.OnceValue(func() *literals { return newLiterals(shortLiterals) })
	secretPatterns = sync.OnceValue(func() (out []*regexp.Regexp) {
		for _, k := range secretKinds {
			out = append(out, regexp.MustCompile(k.pattern))
		}
		return out
	})
)

// secretFound is one secret in a text.
type secretFound struct {
	what  string
	value string
	line  int // from 1
}

// findSecrets returns the secrets in a text, the first of each kind and value.
func findSecrets(text []byte) []secretFound {
	bits := secretFinder().in(text)
	if bits == 0 {
		return nil
	}
	var out []secretFound
	i := 0
	for n, k := range secretKinds {
		mine := bits >> i & (1<<len(k.literals) - 1)
		i += len(k.literals)
		if mine == 0 {
			continue
		}
		for _, m := range secretPatterns()[n].FindAllSubmatchIndex(text, 20) {
			from, to := m[0], m[1]
			if len(m) > 2 && m[2] >= 0 {
				from, to = m[2], m[3]
			}
			value := string(text[from:to])
			if k.holds != nil && !k.holds(value) || slices.ContainsFunc(out, func(o secretFound) bool { return o.value == value }) {
				continue
			}
			out = append(out, secretFound{k.what, value, bytes.Count(text[:from], []byte("\n")) + 1})
		}
	}
	return out
}

// random says that a token looks as if dice had made it: it is no placeholder, such as those in documents.
func random(s string) bool {
	low := strings.ToLower(s)
	if placeholder(low) {
		return false
	}
	count := map[rune]int{}
	for _, c := range s {
		count[c]++
	}
	entropy := 0.0
	for _, n := range count {
		p := float64(n) / float64(len(s))
		entropy -= p * math.Log2(p)
	}
	return len(s) < 16 || entropy >= 3
}

// placeholder says that a value stands for a secret and is none.
func placeholder(low string) bool {
	for _, word := range []string{"example", "xxxx", "your", "changeme", "change-me", "placeholder", "redacted", "dummy", "****", "....", "1234567890abcdef", "abcdefghij"} {
		if strings.Contains(low, word) {
			return true
		}
	}
	return low == "" || strings.ContainsAny(low, "<>") || strings.HasPrefix(low, "$") || strings.HasPrefix(low, "%")
}

// isKey wants a body that is no placeholder behind the heading of a key.
func isKey(s string) bool {
	body := s[strings.LastIndex(s, "-----")+5:]
	return random(strings.Map(func(r rune) rune {
		if r == ' ' || r == '\n' || r == '\r' || r == '\t' {
			return -1
		}
		return r
	}, body))
}

// isJWT wants a head that is JSON with an algorithm.
func isJWT(s string) bool {
	head, _, _ := strings.Cut(s, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	var h struct{ Alg string }
	return err == nil && json.Unmarshal(b, &h) == nil && h.Alg != ""
}

// mentions says that a path is of documents and tests, where what looks like a secret is an example.
func mentions(p string) bool {
	for _, dir := range []string{"/usr/share/doc", "/usr/share/man", "/usr/share/info", "/usr/share/help", "/usr/share/licenses"} {
		if under(p, dir) {
			return true
		}
	}
	if under(p, "/etc") {
		return false
	}
	for part := range strings.SplitSeq(strings.ToLower(p), "/") {
		switch word := strings.FieldsFunc(part, func(r rune) bool { return r == '_' || r == '-' || r == '.' }); {
		case len(word) == 0:
		case slices.ContainsFunc([]string{word[0], word[len(word)-1]}, func(w string) bool { return slices.Contains(testWords, w) }),
			len(word) > 2 && slices.Contains(testWords, word[len(word)-2]): // acme_test.go
			return true
		}
	}
	switch path.Ext(p) {
	case ".md", ".rst", ".adoc":
		return true
	}
	return path.Base(p) == "METADATA" // of a Python package
}

// testWords begin or end the names of files and directories with examples.
var testWords = strings.Fields("test tests testdata testing awstesting example examples sample samples fixture fixtures spec specs mock mocks demo")
