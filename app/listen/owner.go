package listen

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// Owner is who a socket's file belongs to. The zero value is whoever makes it.
type Owner struct{ user, group string }

// ParseOwner reads USER, USER:GROUP or :GROUP, by name or number. Names must
// exist.
func ParseOwner(text string) (Owner, error) {
	var o Owner
	o.user, o.group, _ = strings.Cut(text, ":")
	if strings.HasSuffix(text, ":") {
		return o, errors.New("want USER, USER:GROUP or :GROUP")
	}
	_, _, err := o.ids()
	return o, err
}

// ids gives user and group as chown(2) wants them: -1 changes nothing.
func (o Owner) ids() (uid, gid int, err error) {
	uid, err = id(o.user, "user", func(name string) (string, error) {
		found, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return found.Uid, nil
	})
	if err != nil {
		return 0, 0, err
	}
	gid, err = id(o.group, "group", func(name string) (string, error) {
		found, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return found.Gid, nil
	})
	return uid, gid, err
}

func id(name, what string, lookup func(string) (string, error)) (int, error) {
	if name == "" {
		return -1, nil
	}
	number, err := lookup(name)
	if err != nil {
		number = name // numbers need not be anybody's
	}
	if n, err := strconv.ParseUint(number, 10, 31); err == nil {
		return int(n), nil
	}
	return 0, fmt.Errorf("there is no %s %q", what, name)
}

// modeDefault lets user and group connect, which takes the right to write.
const modeDefault = 0o660

// ParseMode reads permissions as chmod(1) takes them in octal. "" is 660.
func ParseMode(text string) (uint32, error) {
	if text == "" {
		return modeDefault, nil
	}
	mode, err := strconv.ParseUint(text, 8, 32)
	if err != nil || mode > 0o777 {
		return 0, errors.New("want permissions in octal, such as 660")
	}
	return uint32(mode), nil
}

// apply gives a socket's file its owner and then its mode.
func (o Options) apply(path string) error {
	uid, gid, err := o.Owner.ids()
	if err != nil {
		return err
	}
	if uid >= 0 || gid >= 0 {
		if err := os.Lchown(path, uid, gid); err != nil {
			return fmt.Errorf("socket-owner: %w; only root gives files away, others to groups that they are in", unwrapped(err))
		}
	}
	if err := os.Chmod(path, os.FileMode(o.Mode)); err != nil {
		return fmt.Errorf("socket-mode: %w", unwrapped(err))
	}
	return nil
}

// unwrapped is an error without the path, which is said already.
func unwrapped(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
