package bootc

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// checkLabel refuses what a LABEL instruction, which is one line, cannot say.
func checkLabel(key, value string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	switch {
	case !utf8.ValidString(value):
		return errors.New("has bytes that are not UTF-8")
	case strings.ContainsAny(value, "\n\r\x00"):
		return errors.New("has a line break, which no Containerfile can carry in a label: use an annotation")
	}
	return nil
}

func checkAnnotation(key, value string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		return errors.New("has bytes that are not UTF-8 text")
	}
	return nil
}

func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("has no key")
	case strings.ContainsFunc(key, control) || strings.ContainsAny(key, "= ") || !utf8.ValidString(key):
		return errors.New("its key must be text without spaces, control characters and equals signs, such as org.example.owner")
	}
	return nil
}
