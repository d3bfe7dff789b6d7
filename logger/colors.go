package logger

// The colors of the app's scheme, and what has one.

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
)

func color(choose func(*fiber.Colors) string) early {
	return func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		return append(dst, choose(&v.record.facts.colors)...)
	}
}

func coloredStatus(dst []byte, r *record) []byte {
	if !r.log.cfg.enableColors {
		return strconv.AppendInt(dst, int64(r.Status), 10)
	}
	colors := &r.facts.colors
	dst = append(dst, statusColor(r.Status, colors)...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	return append(dst, colors.Reset...)
}

func statusColor(status int, colors *fiber.Colors) string {
	switch status / 100 {
	case 2:
		return colors.Green
	case 3:
		return colors.Blue
	case 4:
		return colors.Yellow
	default:
		return colors.Red
	}
}

func coloredMethod(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
	if !v.log.cfg.enableColors {
		return orDash(dst, v.log, v.method())
	}
	colors := &v.record.facts.colors
	dst = append(dst, methodColor(string(v.method()), colors)...)
	dst = orDash(dst, v.log, v.method())
	return append(dst, colors.Reset...)
}

func methodColor(method string, colors *fiber.Colors) string {
	switch method {
	case fiber.MethodGet:
		return colors.Cyan
	case fiber.MethodPost:
		return colors.Green
	case fiber.MethodPut:
		return colors.Yellow
	case fiber.MethodDelete:
		return colors.Red
	case fiber.MethodPatch:
		return colors.White
	case fiber.MethodHead:
		return colors.Magenta
	case fiber.MethodOptions:
		return colors.Blue
	default:
		return colors.Reset
	}
}

func coloredError(dst []byte, r *record) []byte {
	text := r.trouble()
	switch {
	case len(text) == 0:
		return append(dst, '-')
	case !r.log.cfg.enableColors:
		return safe(dst, r.log, text)
	}
	dst = append(dst, r.facts.colors.Red...)
	dst = safe(dst, r.log, text)
	return append(dst, r.facts.colors.Reset...)
}
