package main

import (
	"net"
	"net/http"

	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"
)

// localRegistry is a registry inside this program, for those who have none at hand. It forgets everything when
// the program ends.
type localRegistry struct {
	Host   string
	server *http.Server
}

func startRegistry() (*localRegistry, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	handler := olareg.New(olaregconfig.Config{Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem}})
	r := &localRegistry{Host: listener.Addr().String(), server: &http.Server{Handler: handler}}
	go r.server.Serve(listener)
	return r, nil
}

// Close stops the registry.
func (r *localRegistry) Close() error { return r.server.Close() }
