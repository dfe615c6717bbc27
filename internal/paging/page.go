package paging

import "github.com/bulkhead/bulkhead/internal/store"

// maxSkipped bounds how many items that are not wanted one page looks at. A page can therefore be shorter than asked for
// and still not be the last, as in AWS's filtered lists.
const maxSkipped = 5000

// Page is one page of a list under way. It takes items in the order of their positions.
type Page struct {
	list    List
	size    int
	after   string
	taken   int
	skipped int
	last    string
	more    bool
}

// Page begins the page of at most size items that a token leads to; nil leads to the first. Its only error that is a
// caller's fault is ErrToken.
func (l List) Page(token *string, size int) (*Page, error) {
	p := &Page{list: l, size: max(size, 1)}
	if token == nil {
		return p, nil
	}
	var err error
	p.after, err = l.open(*token)
	return p, err
}

// After is the position that the page's items follow; "" on the first page.
func (p *Page) After() string { return p.after }

// Restart forgets what was taken, as a transaction that runs again must.
func (p *Page) Restart() { p.taken, p.skipped, p.last, p.more = 0, 0, "", false }

// Take reports whether the item at the position is part of the page. The first that is not ends it.
func (p *Page) Take(position string) bool {
	if p.taken == p.size {
		p.more = true
		return false
	}
	p.taken++
	p.last = position
	return true
}

// Skip passes over an item that is not wanted, and reports whether the page goes on.
func (p *Page) Skip(position string) bool {
	p.skipped++
	p.last = position
	p.more = p.skipped == maxSkipped
	return !p.more
}

// More reports whether another page follows.
func (p *Page) More() bool { return p.more }

// Token leads to the next page; nil if there is none.
func (p *Page) Token() (*string, error) {
	if !p.more {
		return nil, nil
	}
	token, err := p.list.seal(p.last)
	if err != nil {
		return nil, err
	}
	return &token, nil
}

// Key is After for a list whose positions are the keys of records.
func (p *Page) Key() store.Key {
	if p.after == "" {
		return nil
	}
	return store.Key(p.after)
}

// Records takes the records under prefix that keep wants; a nil keep wants all. Positions are their keys. It begins
// with Restart, so a transaction may run it again.
func Records[T any](p *Page, rec *store.Records, prefix store.Key, keep func(*T) bool) ([]*T, error) {
	p.Restart()
	var items []*T
	err := store.Each(rec, prefix, p.Key(), func(k store.Key, v *T) bool {
		if keep != nil && !keep(v) {
			return p.Skip(string(k))
		}
		if !p.Take(string(k)) {
			return false
		}
		items = append(items, v)
		return true
	})
	return items, err
}
