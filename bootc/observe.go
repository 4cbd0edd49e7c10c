package bootc

import (
	"context"
	"iter"
	"log/slog"
)

// LogEvents returns an observer that logs events: the fields of an event are attributes of the same name in lower
// case, and its kind is the message. Output of steps and bytes are at debug level, retries and warnings at
// warn level, all else at info.
func LogEvents(l *slog.Logger) func(Event) {
	return func(e Event) {
		level := slog.LevelInfo
		switch e.Kind {
		case EventLog, EventProgress:
			level = slog.LevelDebug
		case EventRetry, EventWarning:
			level = slog.LevelWarn
		}
		ctx := context.Background()
		if l.Enabled(ctx, level) {
			l.LogAttrs(ctx, level, string(e.Kind), e.attrs()...)
		}
	}
}

func (e Event) attrs() []slog.Attr {
	var out []slog.Attr
	for _, a := range []struct{ key, value string }{{"op", e.Op}, {"ref", e.Ref}, {"platform", e.Platform}, {"text", e.Text}} {
		if a.value != "" {
			out = append(out, slog.String(a.key, a.value))
		}
	}
	switch e.Kind {
	case EventStep:
		out = append(out, slog.Int("step", e.Step), slog.Int("steps", e.Steps), slog.Bool("cached", e.Cached))
	case EventProgress:
		out = append(out, slog.Int64("bytes", e.Bytes), slog.Int64("total", e.Total))
	}
	if len(e.Features) > 0 {
		out = append(out, slog.Any("features", e.Features))
	}
	return out
}

// Events runs an operation and yields its events as they happen; if it fails, the last pair has its error. Leaving
// the loop cancels the context that the operation got, and waits for the operation to return.
//
//	for e, err := range bootc.Events(ctx, func(ctx context.Context, on func(bootc.Event)) error {
//		img, err = engine.Build(ctx, plan, bootc.BuildOptions{OnEvent: on})
//		return err
//	}) { … }
func Events(ctx context.Context, run func(ctx context.Context, on func(Event)) error) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		events := make(chan Event)
		done := make(chan struct{})
		var err error
		go func() {
			defer close(done)
			defer close(events)
			err = run(ctx, func(e Event) {
				select {
				case events <- e:
				case <-ctx.Done():
				}
			})
		}()
		defer func() {
			cancel()
			<-done
		}()
		for e := range events {
			if !yield(e, nil) {
				return
			}
		}
		<-done
		if err != nil {
			yield(Event{}, err)
		}
	}
}
