package main

import (
	"os"

	"github.com/bootloom/bootloom/sign"
)

// signingKey reads a private key, or makes one that dies with the program.
func signingKey(file string) (*sign.Key, error) {
	if file == "" {
		return sign.Generate()
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return sign.LoadKey(pem, []byte(os.Getenv("EDGE_KEY_PASSWORD")))
}
