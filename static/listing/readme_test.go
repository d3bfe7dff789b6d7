package listing

import (
	"html/template"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// readmeIn is the box with the readme on the page for dir, nil if there is none.
func readmeIn(t *testing.T, addr, query string) *html.Node {
	t.Helper()
	doc := parsePage(t, ask(t, "GET", "http://"+addr+"/"+query, browser).body)
	boxes := all(doc, "details", "readme")
	if len(boxes) == 0 {
		return nil
	}
	return boxes[0]
}

func TestReadmeThatIsShown(t *testing.T) {
	dir := t.TempDir()
	addr := serveFolder(t, dir, "/", Config{Readme: true})
	off := serveFolder(t, dir, "/")
	write(t, dir, "other.md", "other")
	if readmeIn(t, addr, "") != nil {
		t.Error("a readme out of nothing")
	}
	for _, name := range []string{"README", "readme.TXT", "Readme.md", "HEADER", "header.md"} { // each better than those before
		write(t, dir, name, "I am **"+name+"**")
		box := readmeIn(t, addr, "")
		if box == nil || !strings.Contains(text(box), name) {
			t.Fatalf("%s is not shown", name)
		}
		if isMarkdown := strings.HasSuffix(name, ".md"); isMarkdown != (len(all(box, "strong", "")) == 1) {
			t.Errorf("%s is not shown as what it is", name)
		}
	}
	if readmeIn(t, addr, "?filter=x") != nil || readmeIn(t, off, "") != nil {
		t.Error("a readme where none belongs")
	}
	if got := ask(t, "GET", "http://"+addr+"/"); strings.Contains(got.body, "I am") {
		t.Error("a readme in text")
	}
	write(t, dir, "header.md", " \n\t\n")
	if readmeIn(t, addr, "") != nil {
		t.Error("a box around nothing")
	}
}

func TestReadmeStaysInItsBoxAndDoesNothing(t *testing.T) {
	dir := t.TempDir()
	addr := serveFolder(t, dir, "/", Config{Readme: true})
	for source, want := range map[string]string{
		"a</div></details></main><h1 id=list>x":                                `<p>a</p><h1>x<p></p></h1>`,
		"<div><div><table><td>x":                                               `<div><div><table><tbody><tr><td>x</td></tr></tbody></table></div></div>`,
		"<script>alert(1)</script>ok":                                          `ok`,
		"<style>*{display:none}</style>\n\nok":                                 `<p>ok</p>`,
		"<p style='position:fixed' class=a id=filter name=b onclick=x()>x</p>": `<p>x</p>`,
		"<svg><script>x</script></svg><math><a xlink:href='javascript:x'>y":    `<p>y</p>`,
		"<form action=x><button>b</button><input name=filter></form>":          `b`,
		"<iframe src=x></iframe><object data=x></object><base href=//evil><meta http-equiv=refresh content=0><link rel=stylesheet href=x>x": `x`,
		"[x](javascript:alert(1)) [y](data:text/html,x) [z](vbscript:x)":                                                                    `<p>x y z</p>`,
		"[x](sub/file.txt)":                             `<p><a href="sub/file.txt" rel="nofollow noreferrer">x</a></p>`,
		"https://example.org/":                          `<p><a href="https://example.org/" rel="nofollow noreferrer">https://example.org/</a></p>`,
		"![own](img/a.png)":                             `<p><img src="img/a.png" alt="own"/></p>`,
		"![up](../a.png?x=1)":                           `<p><img src="../a.png?x=1" alt="up"/></p>`,
		"![no](https://evil.example/x)":                 `<p>no</p>`,
		"![no](//evil.example/x)":                       `<p>no</p>`,
		"![no](data:image/png;base64,x)":                `<p>no</p>`,
		`<img src="\\evil\x" alt=no>`:                   `no`,
		"<img alt='<b>'>":                               `&lt;b&gt;`,
		"|a|b|\n|-|:-:|\n|1|2|":                         `<table><thead><tr><th>a</th><th align="center">b</th></tr></thead><tbody><tr><td>1</td><td align="center">2</td></tr></tbody></table>`,
		"- [x] done\n- [ ] not":                         `<ul><li><input checked="" disabled="" type="checkbox"/> done</li><li><input disabled="" type="checkbox"/> not</li></ul>`,
		"~~a~~ `<b>` &amp; {{.}}":                       `<p><del>a</del> <code>&lt;b&gt;</code> &amp; {{.}}</p>`,
		"<details open><summary>s</summary>t</details>": `<details open=""><summary>s</summary>t</details>`,
		"bad \xff bytes":                                "<p>bad \uFFFD bytes</p>",
	} {
		write(t, dir, "README.md", source)
		box := readmeIn(t, addr, "")
		if box == nil {
			t.Fatalf("no box for %q", source)
		}
		var got strings.Builder
		inner := all(box, "div", "box")[0]
		for n := range inner.ChildNodes() {
			html.Render(&got, n)
		}
		if flat := strings.ReplaceAll(strings.TrimSpace(got.String()), "\n", ""); flat != want {
			t.Errorf("%q is\n%s, want\n%s", source, flat, want)
		}
	}
	write(t, dir, "HEADER", "<b>&\x1b[31m\r\n\u202e line")
	if got := text(readmeIn(t, addr, "")); !strings.Contains(got, "<b>&\uFFFD[31m\n\uFFFD line") {
		t.Errorf("text is shown as %q", got)
	}
}

func TestReadmeIsCutAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	addr := serveFolder(t, dir, "/", Config{Readme: true})
	line := strings.Repeat("word ", 40) + "\n\n"
	for name, note := range map[string]string{"README.txt": "Only the first 256 KiB", "README.md": "Only the first 256 KiB"} {
		write(t, dir, name, strings.Repeat(line, maxReadme/len(line)+5)+"the end")
		box := readmeIn(t, addr, "")
		if got := text(box); strings.Contains(got, "the end") || !strings.Contains(got, note) {
			t.Errorf("%s: %d bytes are shown, with the note %q", name, len(got), text(all(box, "p", "cut")[0]))
		}
	}
	write(t, dir, "README.md", strings.Repeat("x", maxReadme)) // all of it fits
	if box := readmeIn(t, addr, ""); len(all(box, "p", "cut")) != 0 {
		t.Error("a whole text says that it is cut")
	}
	write(t, dir, "README.md", strings.Repeat("é", maxReadme)) // one line, cut where it must be
	if box := readmeIn(t, addr, ""); len(all(box, "p", "cut")) != 1 || !strings.Contains(text(box), "éééé") {
		t.Error("a long line is not shown")
	}
}

// Each of these takes the renderer seconds to forever, or gigabytes.
func TestReadmeThatWouldTakeLong(t *testing.T) {
	const n = maxReadme
	for name, source := range map[string]string{
		"emphasis":   strings.Repeat("_a*", n/3),
		"links":      strings.Repeat("[a](", n/4),
		"angle":      strings.Repeat("[x](<", n/5),
		"quotes":     strings.Repeat("> ", n/2),
		"lists":      strings.Repeat("1. ", n/3),
		"bullets":    strings.Repeat("- ", n/2),
		"references": strings.Repeat("[a]: x\n", n/7),
		"bomb":       "[a]: " + strings.Repeat("x", 50_000) + "\n\n" + strings.Repeat("[a]\n\n", 2000),
		"table":      strings.Repeat("|a", 20_000) + "\n" + strings.Repeat("|-", 20_000) + "\n" + strings.Repeat("|a\n", 4000),
		"deep":       strings.Repeat("<div>", n/5),
		"lines":      strings.Repeat("a\n", n/2),
	} {
		// That one is found out by how much becomes of it.
		if late := name == "bomb"; costly([]byte(source)) == late {
			t.Errorf("%s: found out too late, or too early", name)
			continue
		}
		src := &memSource{names: []Name{{"README.md", false}}, files: map[string]string{"README.md": source}}
		p := page{chosen: chosen{readmeName: "README.md", page: 1}}
		got := newReadmes().of(src, p)
		if !strings.HasPrefix(string(got.HTML), `<pre class="plain">`) || !strings.Contains(got.Note, "too complex") {
			t.Errorf("%s: %.50s, with the note %q", name, got.HTML, got.Note)
		}
	}
	for name, source := range map[string]string{
		"rule":      "a\n\n" + strings.Repeat("-", 200) + "\n\n" + strings.Repeat("*", 100),
		"long list": strings.Repeat("- [name](https://example.org/some_path_here) - **text** with `code`\n", 2000),
		"table":     "|a|b|c|\n|-|-|-|\n" + strings.Repeat("|1|2|3|\n", 2000),
		"code":      "```\n" + strings.Repeat("if a[0] > b[1] && *c < 2 {\n\n", 1000) + "```\n",
	} {
		if costly([]byte(source)) {
			t.Errorf("%s: people write such texts", name)
		}
	}
}

func TestReadmesAreRememberedWithinLimits(t *testing.T) {
	r := newReadmes()
	source := []byte("# title")
	made := r.render(source, true)
	if again, ok := r.lookUp(keyOf(source)); !ok || again != made || !strings.Contains(string(made.html), "<h1>") {
		t.Errorf("%v is remembered as %v", made, again)
	}
	if r.keep(keyOf(source), rendered{html: "kept"}); r.render(source, true).html != "kept" {
		t.Error("what is remembered is made again")
	}
	long := template.HTML(strings.Repeat("x", maxCached/10))
	for i := range 40 {
		key := keyOf([]byte{byte(i)})
		r.keep(key, rendered{html: long})
		if _, ok := r.lookUp(key); !ok || r.cached > maxCached || len(r.cache) > 10 {
			t.Fatalf("after %d texts %d are kept, %d bytes; the last one: %t", i, len(r.cache), r.cached, ok)
		}
	}
}

// Whatever the text, it is harmless, and what comes behind the box is where it
// was.
func FuzzReadme(f *testing.F) {
	for _, seed := range []string{
		"</div></main>", "<table><td><div>", "<svg><style><img src=x onerror=1>", "<!-- -->", "<math><mtext></p><style>", "<p><details><summary>",
		"<noscript><p title=\"</noscript><img src=x onerror=1>\">", "![a](b \"c\")", "<a href='\x01javascript:x'>", "<b><p></b><i></p>", "a\n<plaintext>",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		made, err := markdown([]byte(source))
		if err != nil {
			return
		}
		doc, err := html.Parse(strings.NewReader("<!DOCTYPE html><body><main><div id=box>" + string(made) + "</div><p id=behind></p></main>"))
		if err != nil {
			t.Fatal(err)
		}
		behind := all(doc, "p", "behind")
		if len(behind) != 1 || behind[0].Parent.Data != "main" || attr(behind[0].PrevSibling, "id") != "box" {
			t.Fatalf("%q breaks out as %s", source, made)
		}
		for n := range all(doc, "div", "box")[0].Descendants() {
			switch n.Data {
			case "script", "style", "iframe", "object", "embed", "form", "base", "meta", "link", "svg", "math", "template":
				if n.Type == html.ElementNode {
					t.Errorf("%q has <%s>", source, n.Data)
				}
			}
			for _, a := range n.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "class", a.Key == "id", a.Key == "name":
					t.Errorf("%q has %s=%q", source, a.Key, a.Val)
				case a.Key == "src" && !ownImage.MatchString(a.Val):
					t.Errorf("%q loads %s", source, a.Val)
				}
			}
		}
	})
}
