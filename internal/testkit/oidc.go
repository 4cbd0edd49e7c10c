package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// An oidcIssuer is an OpenID Connect issuer on the loopback interface: as much of one as it takes to validate its
// tokens (OpenID Connect Discovery 1.0, RFC 7517, RFC 7519).
type oidcIssuer struct {
	URL    string
	key    *ecdsa.PrivateKey
	server *http.Server
}

func startOIDC() (*oidcIssuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	public, err := key.PublicKey.ECDH()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &oidcIssuer{URL: "http://" + l.Addr().String(), key: key}
	point := public.Bytes() // 4, x, y
	mux := http.NewServeMux()
	serve := func(path string, v any) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v)
		})
	}
	serve("/.well-known/openid-configuration", map[string]any{
		"issuer": o.URL, "jwks_uri": o.URL + "/jwks", "authorization_endpoint": o.URL + "/authorize", "token_endpoint": o.URL + "/token",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"ES256"},
	})
	serve("/jwks", map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "test", "x": base64url(point[1:33]), "y": base64url(point[33:]),
	}}})
	o.server = &http.Server{Handler: mux}
	go o.server.Serve(l)
	return o, nil
}

// token returns a signed token for one of the issuer's clients that is valid for a day.
func (o *oidcIssuer) token(client, user string, roles ...string) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(map[string]any{
		"iss": o.URL, "aud": client, "sub": user, "preferred_username": user, "roles": roles,
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(24 * time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := base64url([]byte(`{"alg":"ES256","kid":"test","typ":"JWT"}`)) + "." + base64url(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, o.key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64url(signature), nil
}

func (o *oidcIssuer) close() { _ = o.server.Close() }

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
