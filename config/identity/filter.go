package identity

import "time"

// Action is what a rule of the school does with a name or a category.
type Action string

// The actions a school can choose.
const (
	Allow Action = "allow"
	Warn  Action = "warn" // the block page first, and a person may go on from it
	Block Action = "block"
)

// YouTube is how much of YouTube a group sees.
type YouTube string

// The modes of YouTube.
const (
	YouTubeOff      YouTube = "off" // as it is
	YouTubeModerate YouTube = "moderate"
	YouTubeStrict   YouTube = "strict"
)

// CategoryRule says what a group may do with some categories. Of a group's
// rules the first that names the category and holds at the time counts; a
// category none names is allowed.
type CategoryRule struct {
	Action Action     `json:"action"`
	Of     []Category `json:"of"`
	When   string     `json:"when,omitempty"` // Timetable.ID; "" is always
}

// Blocking is the rule that blocks some categories at any time.
func Blocking(categories ...Category) []CategoryRule {
	if len(categories) == 0 {
		return nil
	}
	return []CategoryRule{{Action: Block, Of: categories}}
}

// Rule is one decision of the school about names or categories, with its
// reason. At most one of Device, Person, Group and Zone says whom it is for;
// none means everybody.
type Rule struct {
	ID         string     `json:"id"`
	Action     Action     `json:"action"`
	Names      []string   `json:"names,omitempty"`      // each with everything below it
	Categories []Category `json:"categories,omitempty"` // instead of names
	Device     MAC        `json:"device,omitzero"`
	Person     string     `json:"person,omitempty"` // full name
	Group      string     `json:"group,omitempty"`  // Group.ID
	Zone       string     `json:"zone,omitempty"`   // Zone.ID
	When       string     `json:"when,omitempty"`   // Timetable.ID; "" is always
	Reason     string     `json:"reason"`
	Author     string     `json:"author"`
	Made       Date       `json:"made"`
	Review     Date       `json:"review"` // by when somebody looks whether it is still right
}

// Filter is what the school decided about the filter besides its groups.
type Filter struct {
	Rules      []Rule      `json:"rules"`
	Timetables []Timetable `json:"timetables"`
	Calendar   Calendar    `json:"calendar"`

	// Clock is the IANA name of the school's time zone.
	Clock string `json:"clock"`
	// Unblocks are the openings for a while, those that run.
	Unblocks []Unblock `json:"unblocks,omitempty"`
}

// Unblock opens a name or a category for one person or one device for a while.
// It never opens what is in a locked category.
type Unblock struct {
	ID       int64     `json:"id"`
	Name     string    `json:"name,omitempty"`     // with everything below it
	Category Category  `json:"category,omitempty"` // instead of a name
	Device   MAC       `json:"device,omitzero"`
	Person   string    `json:"person,omitempty"` // instead of a device
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Reason   string    `json:"reason"`
	Author   string    `json:"author"`
	// Warned is set when Author was warned of Name and went on. It opens what they were
	// warned of and nothing that is blocked, on Device and while they are signed in.
	Warned bool `json:"warned,omitempty"`
}

// ListsInfo names the category database in use.
type ListsInfo struct {
	Path string `json:"path,omitempty"` // compiled file; "" is the built-in table alone
	ID   string `json:"id,omitempty"`   // changes with the contents
}
