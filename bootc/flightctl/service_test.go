package flightctl_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/bootc/flightctl"
)

// fakeService answers as the API of Flight Control does; TestServiceEnrols asks the real one.
type fakeService struct {
	authority
	*httptest.Server
	token    string
	pending  int32 // answers before a request is approved
	conflict int32 // answers that the name is taken
	deny     bool
	config   string       // instead of the right one
	issued   atomic.Value // certificate
	org      atomic.Value
	names    []string
}

func newFakeService(t *testing.T) *fakeService {
	t.Helper()
	s, err := startFakeService()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func startFakeService() (*fakeService, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	s := &fakeService{authority: ca, token: "t0ken"}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/certificatesigningrequests", s.post)
	mux.HandleFunc("GET /api/v1/certificatesigningrequests/{name}", s.get)
	mux.HandleFunc("GET /api/v1/enrollmentconfig", func(w http.ResponseWriter, r *http.Request) {
		if s.config != "" {
			fmt.Fprint(w, s.config)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"enrollment-service": map[string]any{
			"authentication":         map[string]any{"client-certificate-data": "", "client-key-data": ""},
			"service":                map[string]any{"server": "https://agent-api.example.com:7443", "certificate-authority-data": s.pem},
			"enrollment-ui-endpoint": "https://ui.example.com",
		}, "something-new": true})
	})
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+s.token {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind": "Status", "message": "who are you"}`)
			return
		}
		s.org.Store(r.URL.Query().Get("org_id"))
		mux.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	return s, nil
}

func (s *fakeService) post(w http.ResponseWriter, r *http.Request) {
	var in struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
		Spec             struct {
			Request           []byte
			SignerName        string
			ExpirationSeconds int
			Usages            []string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.names = append(s.names, in.Metadata.Name)
	if s.conflict > 0 {
		s.conflict--
		w.WriteHeader(http.StatusConflict)
		return
	}
	block, _ := pem.Decode(in.Spec.Request)
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	name := in.Metadata.Name
	if err != nil || !strings.HasPrefix(name, "client-enrollment-") || csr.Subject.CommonName != name || in.Kind != "CertificateSigningRequest" ||
		in.APIVersion != "flightctl.io/v1beta1" || in.Spec.SignerName != "flightctl.io/enrollment" || in.Spec.ExpirationSeconds != 3600 ||
		!slices.Equal(in.Spec.Usages, []string{"clientAuth", "CA:false"}) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"message": "%v: %+v"}`, err, in)
		return
	}
	cert, err := s.sign(&x509.Certificate{Subject: csr.Subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, csr.PublicKey)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.issued.Store(cert)
	w.WriteHeader(http.StatusCreated)
	s.answer(w)
}

func (s *fakeService) get(w http.ResponseWriter, r *http.Request) {
	s.pending--
	s.answer(w)
}

func (s *fakeService) answer(w http.ResponseWriter) {
	status := map[string]any{"conditions": []any{}}
	switch {
	case s.deny:
		status["conditions"] = []any{map[string]any{"type": "Denied", "status": "True", "message": "not today"}}
	case s.pending <= 0:
		status["certificate"] = s.issued.Load()
	}
	json.NewEncoder(w).Encode(map[string]any{"status": status})
}

// client is one of the service, with a CA that httptest's server has.
func (s *fakeService) client() flightctl.Service {
	return flightctl.Service{URL: s.URL + "/", Token: bootc.SecretBytes([]byte(s.token + "\n")), CA: s.ca(), Expiration: time.Hour}
}

func (s *fakeService) ca() flightctl.PEM {
	return flightctl.PEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func TestService(t *testing.T) {
	for name, set := range map[string]func(*fakeService){
		"at once":        func(*fakeService) {},
		"approved later": func(s *fakeService) { s.pending = 1 },
		"name is taken":  func(s *fakeService) { s.conflict = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeService(t)
			set(s)
			client := s.client()
			client.Organization = "0f0e0d0c-0b0a-4908-8706-050403020100"
			c, err := client.Enrollment(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := c.EnrollmentService
			if e.Service.Server != "https://agent-api.example.com:7443" || e.EnrollmentUIEndpoint != "https://ui.example.com" || string(e.Service.CertificateAuthorityData) != string(s.pem) {
				t.Errorf("%+v", e)
			}
			if org := s.org.Load(); org != client.Organization || e.Organization != client.Organization {
				t.Errorf("organization %q", org)
			}
			if _, err := flightctl.Secret(c, flightctl.Check{Now: time.Now()}); err != nil {
				t.Error(err)
			}
			if len(s.names) > 1 && s.names[0] == s.names[1] {
				t.Errorf("the same name is tried again: %q", s.names)
			}
			if strings.Contains(fmt.Sprintf("%+v", client), s.token) {
				t.Error("the token shows")
			}
		})
	}
}

func TestServiceErrors(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*fakeService, *flightctl.Service)
		is   error
		says string
	}{
		"token":      {func(s *fakeService, _ *flightctl.Service) { s.token = "new" }, flightctl.ErrUnauthorized, "401 Unauthorized: who are you"},
		"no token":   {func(_ *fakeService, c *flightctl.Service) { c.Token = bootc.SecretEnv("NO_SUCH_VARIABLE") }, nil, "NO_SUCH_VARIABLE is not set"},
		"denied":     {func(s *fakeService, _ *flightctl.Service) { s.deny = true }, flightctl.ErrDenied, "not today"},
		"taken":      {func(s *fakeService, _ *flightctl.Service) { s.conflict = 9 }, nil, "409 Conflict"},
		"refused":    {func(_ *fakeService, c *flightctl.Service) { c.Expiration = 2 * time.Hour }, nil, "400 Bad Request"},
		"expiration": {func(_ *fakeService, c *flightctl.Service) { c.Expiration = time.Second }, nil, "Expiration"},
		"http":       {func(_ *fakeService, c *flightctl.Service) { c.URL = "http://x" }, nil, "URL"},
		"other CA":   {func(s *fakeService, c *flightctl.Service) { c.CA = flightctl.PEM(s.pem) }, nil, "certificate"},
		"no CA":      {func(_ *fakeService, c *flightctl.Service) { c.CA = "x" }, nil, "has no certificate"},
		"no JSON":    {func(s *fakeService, _ *flightctl.Service) { s.config = "<html>" }, nil, "the answer is not what the API"},
		"useless":    {func(s *fakeService, _ *flightctl.Service) { s.config = `{}` }, nil, "no agent can use"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeService(t)
			client := s.client()
			c.set(s, &client)
			s.config = strings.TrimSpace(s.config)
			_, err := client.Enrollment(t.Context())
			if _, ok := errors.AsType[*bootc.OpError](err); !ok || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v", err)
			}
			if err != nil && strings.Contains(err.Error(), "t0ken") {
				t.Errorf("the token shows: %v", err)
			}
		})
	}
	t.Run("never approved", func(t *testing.T) {
		s := newFakeService(t)
		s.pending = 1 << 20
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := s.client().Enrollment(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// TestEnrolled has a provider of the caller's own.
func TestEnrolled(t *testing.T) {
	calls := 0
	p := flightctl.EnrollmentFunc(func(context.Context) (flightctl.Config, error) {
		if calls++; calls > 2 {
			return flightctl.Config{}, errors.New("enough")
		}
		return enrollment(t), nil
	})
	secret, err := flightctl.EnrolledSecret(t.Context(), p, flightctl.Check{})
	if err != nil {
		t.Fatal(err)
	}
	value, err := secret.Resolve()
	if _, err2 := flightctl.ParseConfig(value); err != nil || err2 != nil {
		t.Error(err, err2)
	}
	if _, err := flightctl.EnrolledPayload(t.Context(), p, flightctl.Check{}); err != nil {
		t.Error(err)
	}
	if _, err := flightctl.EnrolledPayload(t.Context(), p, flightctl.Check{}); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
}
