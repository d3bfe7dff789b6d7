package logger

import (
	"strconv"

	"github.com/gofiber/fiber/v2"
)

func color(choose func(*fiber.Colors) string) early {
	return func(dst []byte, v *visit, _ *fiber.Ctx, _ string) []byte {
		return append(dst, choose(&v.record.facts.colors)...)
	}
}

var noColors fiber.Colors

// palette holds the app's colors, or empty ones if colors are off.
func (r *record) palette() *fiber.Colors {
	if !r.log.cfg.enableColors {
		return &noColors
	}
	return &r.facts.colors
}

func coloredStatus(dst []byte, r *record) []byte {
	colors := r.palette()
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
	colors := v.record.palette()
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
	if len(text) == 0 {
		return append(dst, '-')
	}
	colors := r.palette()
	dst = append(dst, colors.Red...)
	dst = safe(dst, r.log, text)
	return append(dst, colors.Reset...)
}
