package bootc_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/bootloom/bootloom/bootc"
)

// FuzzConfig gives one text to each feature that reads the format of a program. What it refuses has a path; what it
// accepts is in the image as it is, and has nothing in it that must not be there.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"[Container]\nImage=quay.io/a/b:1\nNetwork=x.network\nMount=type=volume,source=y.volume\n[Install]\nWantedBy=a.target\n",
		"[Container]\nImage=%%\\\n\nPod=a.pod\n", "[Volume]\nType=x\n[Service]\nUser=a\n",
		"[connection]\ntype=wifi\n[wifi-security]\npsk=\n[ipv4]\nmethod=manual\naddress1=10.0.0.1/8,10.0.0.2\n",
		"[connection]\ntype = wifi\n[wifi-security]\npsk = x\n", "PermitRootLogin=yes\n", "permitrootlogin \"yes\"\nMatch all\nPort 1\n",
		"%wheel ALL=(ALL) NOPASSWD: ALL\n", "A_Alias B = c\\\n, d\n@includedir /x\n", "\x00\xff", "[", "=", "\\",
	} {
		f.Add(seed)
	}
	key := regexp.MustCompile(`(?m)^[ \t]*(psk|password|wep-key0|leap-password)[ \t]*=[ \t]*[^\s]`)
	root := regexp.MustCompile(`(?im)^[ \t]*PermitRootLogin[ \t=]+"?yes"?[ \t]*$`)
	f.Fuzz(func(t *testing.T, text string) {
		base := bootc.Base{Ref: "quay.io/a/b:1", Family: bootc.Debian, Tool: bootc.APT}
		for _, feature := range []bootc.Feature{
			bootc.Quadlet{Name: "a.container", Content: text}, bootc.Quadlet{Name: "a.volume", Content: "[Volume]\n", DropIns: map[string]string{"a.conf": text}},
			bootc.Connection{Name: "a", Content: text}, bootc.SSHD{Content: text}, bootc.DropIn{Path: "/etc/sudoers.d/a", Content: text},
			bootc.Quadlet{Name: "a.network", Content: text}, bootc.Quadlet{Name: "a.kube", Content: text}, bootc.Quadlet{Name: "a.build", Content: text},
		} {
			plan, err := bootc.From(base.Ref).With(feature).Compile(base)
			for _, e := range bootc.FieldErrors(err) {
				if !strings.HasPrefix(e.Path, "Features[0].") {
					t.Errorf("%T: %v has no path", feature, e)
				}
			}
			if err != nil {
				continue
			}
			found := false
			for _, entry := range plan.Archives[0].Entries {
				got, _ := entry.Content.ReadAll()
				found = found || string(got) == text
			}
			if !found {
				t.Errorf("%T: the text is not in the image", feature)
			}
			switch feature.(type) {
			case bootc.Connection:
				if key.MatchString(text) {
					t.Errorf("a secret is in the image: %q", text)
				}
			case bootc.SSHD:
				if root.MatchString(text) {
					t.Errorf("root may log in: %q", text)
				}
			}
		}
	})
}

// FuzzPullSecret wants a verdict on any value, without a part of it.
func FuzzPullSecret(f *testing.F) {
	plan, err := bootc.From("quay.io/a/b:1").With(bootc.PullSecret{Secret: "pull", OS: true}, bootc.RegistryTrust{Host: "a.b", ClientCert: acmeCA, ClientKey: "key"},
		bootc.Connection{Name: "a", Secret: "wifi"}).Compile(bootc.Base{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"auths": {"canary": {"auth": "Y2FuYXJ5"}}, "credHelpers": {}}`))
	f.Add([]byte("[connection]\ntype=canary\n[canary]\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, value []byte) {
		err := plan.CheckSecrets(map[string][]byte{"pull": value, "key": value, "wifi": value})
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q shows in %v", value, err)
		}
	})
}
