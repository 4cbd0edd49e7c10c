package testkit

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bootloom/bootloom/internal/child"
)

// A FlightControl is a Flight Control 1.2 service on the loopback interface: its own API server and worker, migrated
// database included, on PostgreSQL and Redis. Only the issuer of the user's token is not real. What it lacks of a
// deployment is what devices do not see: the periodic tasks (a device that goes away is not noticed), alerts, the UI.
type FlightControl struct {
	URL      string // the user API, https://127.0.0.1:port
	AgentURL string // what devices talk to, https://127.0.0.1:port, with client certificates
	CA       []byte // PEM of the CA of both, and of the intermediate that signs devices' certificates
	Token    string // bearer token of an administrator

	dir     string
	ports   []int // of the user API, the agent API, PostgreSQL, Redis
	client  *http.Client
	issuer  *oidcIssuer
	running map[string]*child.Process
	stops   []func() // in the order of the starts
}

// NewFlightControl starts a service that lives as long as the test. It takes three seconds once its programs are built.
func NewFlightControl(t testing.TB) *FlightControl {
	t.Helper()
	NeedTool(t, "go", "redis-server")
	_, _, err := findPostgres()
	Need(t, "PostgreSQL (run hack/setup.sh)", err == nil)
	f, err := StartFlightControl(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(f.Logs())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// StartFlightControl is NewFlightControl for programs, which must Close it.
func StartFlightControl(ctx context.Context) (*FlightControl, error) {
	var err error
	// Another process may take a port between our look and the program's start.
	for range 3 {
		f := &FlightControl{running: map[string]*child.Process{}}
		if err = f.start(ctx); err == nil {
			return f, nil
		}
		err = errors.Join(err, f.Close())
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	return nil, fmt.Errorf("start Flight Control: %w", err)
}

// Close ends the service and forgets what it knows.
func (f *FlightControl) Close() error {
	for i := len(f.stops) - 1; i >= 0; i-- {
		f.stops[i]()
	}
	f.stops = nil
	if f.client != nil {
		f.client.CloseIdleConnections()
	}
	return os.RemoveAll(f.dir)
}

// Logs returns the end of what each program of the service has logged.
func (f *FlightControl) Logs() string {
	var b strings.Builder
	for _, name := range []string{"flightctl-api", "flightctl-worker"} {
		log, _ := os.ReadFile(filepath.Join(f.dir, name+".log"))
		lines := slices.DeleteFunc(strings.Split(string(log), "\n"), func(l string) bool { return strings.Contains(l, "Using config: ") }) // 8 kB
		fmt.Fprintf(&b, "=== %s\n%s\n", name, tail(strings.Join(lines, "\n"), 8000))
	}
	return b.String()
}

func (f *FlightControl) start(ctx context.Context) error {
	program := map[string]string{}
	for _, name := range []string{"flightctl-api", "flightctl-worker", "flightctl-db-migrate"} {
		path, err := MakeFlightctl(ctx, FlightctlV12, name)
		if err != nil {
			return err
		}
		program[name] = path
	}
	var err error
	if f.dir, err = os.MkdirTemp("", "testkit-flightcontrol-"); err != nil {
		return err
	}
	if f.ports, err = freePorts(4); err != nil {
		return err
	}
	f.URL, f.AgentURL = fmt.Sprint("https://127.0.0.1:", f.ports[0]), fmt.Sprint("https://127.0.0.1:", f.ports[1])
	if f.issuer, err = startOIDC(); err != nil {
		return err
	}
	f.stops = append(f.stops, f.issuer.close)
	if f.Token, err = f.issuer.token(oidcClient, "admin", "flightctl-admin"); err != nil {
		return err
	}
	if err := f.configure(); err != nil {
		return err
	}

	stop, err := startPostgres(ctx, f.dir, f.ports[2], dbUser)
	if err != nil {
		return err
	}
	f.stops = append(f.stops, stop)
	redis, err := lookTool("redis-server")
	if err != nil {
		return err
	}
	err = f.daemon(ctx, "redis", exec.Command(redis, "--bind", "127.0.0.1", "--port", strconv.Itoa(f.ports[3]),
		"--requirepass", password, "--save", "", "--appendonly", "no", "--dir", f.dir),
		func(ctx context.Context) error { return listening(ctx, f.ports[3]) })
	if err != nil {
		return err
	}
	if _, err := run(ctx, "flightctl-db-migrate", f.command(program["flightctl-db-migrate"])); err != nil {
		return err
	}
	if err := f.daemon(ctx, "flightctl-worker", f.command(program["flightctl-worker"]), func(context.Context) error { return nil }); err != nil {
		return err
	}
	return f.daemon(ctx, "flightctl-api", f.command(program["flightctl-api"]), func(ctx context.Context) error {
		return f.do(ctx, http.MethodGet, "/readyz", nil, nil)
	})
}

func (f *FlightControl) daemon(ctx context.Context, name string, cmd *exec.Cmd, ready func(context.Context) error) error {
	p, err := daemon(ctx, f.dir, name, cmd, ready)
	if err != nil {
		return err
	}
	f.running[name] = p
	f.stops = append(f.stops, p.Kill)
	return nil
}

// alive says which program of the service has died, if one has.
func (f *FlightControl) alive() error {
	for name, p := range f.running {
		select {
		case <-p.Done():
			return fmt.Errorf("%s has ended: %v\n%s", name, p.Err(), f.Logs())
		default:
		}
	}
	return nil
}

// command is a program of the service. Its files are where they have to be: below the home directory.
func (f *FlightControl) command(path string) *exec.Cmd {
	cmd := exec.Command(path)
	cmd.Dir, cmd.Env = f.dir, []string{"HOME=" + f.dir, "PATH=/usr/bin:/bin"}
	return cmd
}

const (
	oidcClient = "flightctl-client"
	dbUser     = "flightctl"
	password   = "testkit"
)

// configure writes the one configuration file of all three programs, and their certificates.
func (f *FlightControl) configure() error {
	root, err := NewCA()
	if err != nil {
		return err
	}
	signer, err := root.Intermediate("flightctl-client-signer-ca")
	if err != nil {
		return err
	}
	f.CA = append(root.PEM[:len(root.PEM):len(root.PEM)], signer.PEM...)
	f.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: root.pool()}},
		Timeout:   30 * time.Second,
	}
	serverCert, serverKey, err := root.Server()
	signerKey, err2 := signer.Key()
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	// Without metrics, which the API server and the worker would both serve on one fixed port.
	config := fmt.Sprintf(`database: {type: pgsql, hostname: 127.0.0.1, port: %[3]d, name: postgres, user: %[5]s, password: %[6]s, migrationUser: %[5]s, migrationPassword: %[6]s}
kv: {hostname: 127.0.0.1, port: %[4]d, password: %[6]s}
service:
  address: 127.0.0.1:%[1]d
  agentEndpointAddress: 127.0.0.1:%[2]d
  baseUrl: https://127.0.0.1:%[1]d
  baseUIUrl: https://127.0.0.1:%[1]d
  baseAgentEndpointUrl: https://127.0.0.1:%[2]d
  logLevel: info
metrics: {enabled: false}
auth:
  oidc:
    enabled: true
    providerType: oidc
    issuer: %[7]s
    clientId: %[8]s
    usernameClaim: [preferred_username]
    roleAssignment: {type: dynamic, claimPath: [roles]}
    organizationAssignment: {type: static, organizationName: default}
`, f.ports[0], f.ports[1], f.ports[2], f.ports[3], dbUser, password, f.issuer.URL, oidcClient)

	home := filepath.Join(f.dir, ".flightctl")
	if err := os.MkdirAll(filepath.Join(home, "certs"), 0o700); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"config.yaml":             []byte(config),
		"certs/server.crt":        serverCert,
		"certs/server.key":        serverKey,
		"certs/client-signer.crt": signer.PEM,
		"certs/client-signer.key": signerKey,
		"certs/ca-bundle.crt":     f.CA,
	} {
		if err := os.WriteFile(filepath.Join(home, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
