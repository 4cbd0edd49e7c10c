package main

import (
	"testing"

	"github.com/bootloom/bootloom/bootc"
	"github.com/bootloom/bootloom/internal/linttest"
	"github.com/bootloom/bootloom/sign"
)

func TestLint(t *testing.T) {
	key, err := sign.Generate()
	if err != nil {
		t.Fatal(err)
	}
	linttest.Clean(t, func(base string) bootc.Spec {
		return spec(base, "1.4.0", devicePolicy("quay.io/acme/edge-os", key.Public()))
	}, linttest.Options{})
}
