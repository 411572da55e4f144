// Package browser lets a real one say what a person sees of a page.
package browser

import (
	"encoding/json"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Seen is a page as a browser shows it.
type Seen struct {
	Text       string   // what a person reads
	Width      int      // of the window
	Wide       []string // what reaches beyond it, or into the margin of its section
	Tags       []string // the kinds of elements that there are
	Asked      []string // addresses that were asked for anything
	Background string
	Faint      []string // texts whose contrast with the ground is below 4.5 to 1
	Ran        string   // what a script in the page left
}

// looks frames a page, since a window of its own cannot be as narrow as a phone, and leaves
// what it finds in its own stead.
const looks = `<!DOCTYPE html><iframe style="border: 0" width="WIDTH" height="2400" srcdoc="PAGE"></iframe><script>
addEventListener('load', () => {
  const own = document.querySelector('iframe').contentWindow, page = own.document;
  const rgb = c => c.match(/[\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = rgb(c).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
  const ground = e => { for (; e; e = e.parentElement) { const c = own.getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) > 0) return c } };
  const contrast = e => { const [a, b] = [light(own.getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a); return (a + .05) / (b + .05) };
  const all = [...page.querySelectorAll('body *')], shown = e => e.outerHTML.slice(0, 200);
  const reads = e => e.tagName != 'title' && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim());
  const seen = {
    Text: page.body.innerText, Width: own.innerWidth,
    Wide: all.filter(e => e.getBoundingClientRect().right > Math.min(own.innerWidth, e.parentElement.closest('section')?.getBoundingClientRect().right - 12 || own.innerWidth) + 1).map(shown),
    Tags: [...new Set(all.map(e => e.tagName.toLowerCase()))].sort(),
    Asked: own.performance.getEntriesByType('resource').map(r => r.name),
    Background: own.getComputedStyle(page.body).backgroundColor,
    Faint: all.filter(e => reads(e) && contrast(e) < 4.5).map(shown), Ran: String(own.ran),
  };
  document.documentElement.innerHTML = '<pre>';
  document.querySelector('pre').textContent = JSON.stringify(seen);
});
</script>`

var left = regexp.MustCompile(`(?s)<pre>(.*)</pre>`)

// Look opens a page in a window so many pixels wide. Where BERTH_PICTURES names a folder a
// picture is left there.
func Look(t *testing.T, page []byte, width int, dark bool) Seen {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("there is no chromium to look at the page with; Debian and Fedora have it by that name")
	}
	dir := t.TempDir()
	open := func(name, content string, args ...string) []byte {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		scheme := "1"
		if dark {
			scheme = "0"
		}
		args = append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
			"--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(dir, "profile"),
			"--blink-settings=preferredColorScheme=" + scheme, "--window-size=" + strconv.Itoa(width) + ",2400",
		}, append(args, "file://"+file)...)
		out, err := exec.CommandContext(t.Context(), program, args...).Output() //nolint:gosec // it is the browser
		if err != nil {
			t.Fatalf("chromium: %v", err)
		}
		return out
	}
	if pictures := os.Getenv("BERTH_PICTURES"); pictures != "" {
		name := strings.ReplaceAll(t.Name(), "/", "_") + ".png"
		open("picture.html", string(page), "--screenshot="+filepath.Join(pictures, name))
	}
	framed := strings.NewReplacer("WIDTH", strconv.Itoa(width), "PAGE", html.EscapeString(string(page))).Replace(looks)
	found := left.FindSubmatch(open("page.html", framed, "--dump-dom"))
	var seen Seen
	if found == nil {
		t.Fatal("the page did not load")
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}
