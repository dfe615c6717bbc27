package delivery

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// bodies returns the message as plain text and as HTML. Pools write their messages as HTML or as plain text, which is HTML
// too ("Customizing email verification messages", Amazon Cognito Developer Guide).
func bodies(m *Message) (text, page string) {
	page = m.HTML
	if page == "" {
		page = html.EscapeString(m.Body)
	}
	if !strings.ContainsAny(page, "<&") {
		return m.Body, page
	}
	return plain(page), page
}

// plain is what HTML says without its marks: lines where blocks end, links with where they lead.
func plain(page string) string {
	var b strings.Builder
	var link string
	hidden := 0
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return tidy(b.String())
		case html.TextToken:
			if hidden == 0 {
				b.WriteString(strings.Join(strings.Fields(" "+string(z.Text())+" "), " "))
				b.WriteByte(' ')
			}
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			t := z.Token()
			switch t.DataAtom {
			case atom.Script, atom.Style, atom.Head, atom.Title:
				if kind == html.StartTagToken {
					hidden++
				} else if kind == html.EndTagToken && hidden > 0 {
					hidden--
				}
			case atom.Br, atom.P, atom.Div, atom.Li, atom.Tr, atom.H1, atom.H2, atom.H3, atom.H4, atom.Table, atom.Ul, atom.Ol:
				b.WriteByte('\n')
			case atom.A:
				if kind == html.StartTagToken {
					link = href(t)
				} else if link != "" {
					b.WriteString("(" + link + ") ")
					link = ""
				}
			}
		}
	}
}

func href(t html.Token) string {
	for _, a := range t.Attr {
		if a.Key == "href" && (strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "mailto:")) {
			return a.Val
		}
	}
	return ""
}

// tidy removes spaces at the ends of lines and runs of empty lines.
func tidy(s string) string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}
