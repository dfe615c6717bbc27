package poolsettings

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestCleanCSS tries style sheets that would do more than look good.
func TestCleanCSS(t *testing.T) {
	t.Parallel()
	got, err := cleanCSS(".submitButton-customizable:hover { background-color : #2746C7 ; border-radius: 4px } /* x */ .label-customizable{color:rgb(1, 2, 3)}")
	if want := ".submitButton-customizable:hover{background-color:#2746C7;border-radius:4px;}\n.label-customizable{color:rgb(1, 2, 3);}\n"; err != nil || got != want {
		t.Errorf("%q, %v", got, err)
	}
	for _, css := range []string{
		"@import 'https://evil.example/x.css';", ".label-customizable{background:url(https://evil.example)}", "body{color:red}", "*{color:red}",
		".label-customizable{position:fixed}", ".label-customizable{color:expression(alert(1))}", ".label-customizable{color:r\\65 d}",
		".label-customizable{color:red", "input[value^=a]{color:red}", ".label-customizable .x{color:red}", ".label-customizable{content:'x'}",
		".label-customizable{color:</style><script>}", "@media print{.label-customizable{color:red}}", ".label-customizable{background:image-set(x)}",
	} {
		if got, err := cleanCSS(css); err == nil {
			t.Errorf("%s became %q", css, got)
		}
	}
}

func FuzzCleanCSS(f *testing.F) {
	f.Add(".label-customizable{color:red}")
	f.Add("/**/.a{b:c}")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := cleanCSS(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(got, "@\\<>'\"") || strings.Contains(strings.ToLower(got), "url(") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// TestLooks shows that nothing of a branding's settings but colours and lengths gets into a page's style.
func TestLooks(t *testing.T) {
	t.Parallel()
	l, err := ReadLooks(json.RawMessage(`{"components":{"pageBackground":{"lightMode":{"color":"aabbccff"},"darkMode":{"color":"#111111"}},
		"pageText":{"lightMode":{"headingColor":"red;}body{background:url(//evil.example)}"}}},"componentClasses":{"buttons":{"borderRadius":8}}}`))
	if err != nil {
		t.Fatal(err)
	}
	want := ":root{--page:#aabbccff;--page-glow:#aabbccff;--radius:8px;}\n@media (prefers-color-scheme:dark){:root{--page:#111111;--page-glow:#111111;--radius:8px;}}\n"
	if got := l.CSS(); got != want {
		t.Errorf("%q", got)
	}
	for _, settings := range []string{`[]`, `"x"`, `{"categories":{"global":{"colorSchemeMode":"PINK"}}}`, `{`} {
		if _, err := ReadLooks(json.RawMessage(settings)); err == nil {
			t.Errorf("%s is taken", settings)
		}
	}
	for svg, want := range map[string]bool{
		`<svg xmlns="http://www.w3.org/2000/svg"/>`: true, `<!DOCTYPE svg [<!ENTITY a "b">]><svg/>`: false, `<html/>`: false, `x`: false, ``: false,
	} {
		if looksLikeSVG([]byte(svg)) != want {
			t.Errorf("%s", svg)
		}
	}
}
