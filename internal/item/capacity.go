package item

// Cost is the capacity that an operation consumes (DynamoDB Developer Guide, "Read and write operations"): units of the
// table itself, and of each index that it touched.
type Cost struct {
	Table   float64
	Indexes map[string]float64 // by index name
}

// Total returns the units of table and indexes together.
func (c Cost) Total() float64 {
	n := c.Table
	for _, u := range c.Indexes {
		n += u
	}
	return n
}

// Add adds another cost.
func (c *Cost) Add(o Cost) {
	c.Table += o.Table
	for name, u := range o.Indexes {
		c.addIndex(name, u)
	}
}

// Times multiplies a cost: transactions cost twice as much.
func (c Cost) Times(n float64) Cost {
	out := Cost{Table: c.Table * n}
	for name, u := range c.Indexes {
		out.addIndex(name, u*n)
	}
	return out
}

func (c *Cost) addIndex(name string, u float64) {
	if c.Indexes == nil {
		c.Indexes = make(map[string]float64)
	}
	c.Indexes[name] += u
}

// units returns size in blocks, rounded up, at least one.
func units(size, block int) float64 { return float64(max(1, (size+block-1)/block)) }

// ReadUnits returns what reading size bytes costs: 1 unit for 4 KB, half if eventually consistent.
func ReadUnits(size int, consistent bool) float64 {
	u := units(size, 4096)
	if !consistent {
		u /= 2
	}
	return u
}

// WriteUnits returns what writing size bytes costs: 1 unit for 1 KB.
func WriteUnits(size int) float64 { return units(size, 1024) }
