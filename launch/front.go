package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
)

// front starts the kagg. folder is the temporary state folder, which the caller removes, also after an error; "" when
// there is none. Where another kagg serves from the folder of the configuration, it is a temporary one with the
// certificates of that.
func front(ctx context.Context, c aggregator.Config, tell func(string)) (running *aggregator.Aggregator, folder string, err error) {
	if c.StateDir != "" {
		var stdin []byte
		// A second start reads it again.
		if c.Stdin != nil && slices.Contains(c.Filenames, "-") {
			if stdin, err = io.ReadAll(c.Stdin); err != nil {
				return nil, "", err
			}
			c.Stdin = bytes.NewReader(stdin)
		}
		running, err = aggregator.Start(ctx, c)
		held, isHeld := errors.AsType[*pki.HeldError](err)
		if !isHeld {
			return running, "", err
		}
		c.Stdin = bytes.NewReader(stdin)
		tell(fmt.Sprintf("another kagg serves from the state folder %q: a copy of its certificates is used, which its backends believe as they do its own", held.Dir))
	}
	if folder, err = os.MkdirTemp("", "kagg-"); err != nil {
		return nil, "", err
	}
	if c.StateDir != "" {
		if err = pki.Locate(c.StateDir).Borrow(folder); err != nil {
			return nil, folder, err
		}
	}
	c.StateDir = folder
	running, err = aggregator.Start(ctx, c)
	return running, folder, err
}
