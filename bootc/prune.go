package bootc

import "time"

// Pruning says how much an engine may keep of what it has made and fetched: images, layers, bases, what it knows of them. All
// of that is a cache: a later build makes or fetches again what is missing.
type Pruning struct {
	// Limit is how many bytes may stay. What was used least recently goes first, until no more than that is left.
	Limit int64
	// Young is how long after its last use something stays, whatever the limit. It is for callers who have an Image and have
	// not published it yet, as the engine cannot know of them. Zero is one hour; with less than zero nothing is too young.
	Young time.Duration
}

// Pruned is what came of it.
type Pruned struct {
	// Freed and Left are bytes. Left may be more than the limit because of what is young.
	Freed, Left int64
}
