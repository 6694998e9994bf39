package identity

// Platform is a learning platform or another site that a nursery opens for its
// children by name: its own names and the hosts it does not work without.
type Platform struct {
	ID    string
	Name  string   // for people
	Names []string // each with everything below it
}

// Platforms lists those that come with the program, in the order in which the
// admin page shows them. A name stands here only where it is the operator's own
// or of no use without it: a content network shared by everybody would open
// everybody's sites.
func Platforms() []Platform {
	return append([]Platform(nil), platforms...)
}

// PlatformOf finds a platform.
func PlatformOf(id string) (p Platform, ok bool) {
	for _, p := range platforms {
		if p.ID == id {
			return p, true
		}
	}
	return Platform{}, false
}

var platforms = []Platform{
	{"bbc-cbeebies", "BBC CBeebies and BBC Bitesize", []string{
		"bbc.co.uk", "bbci.co.uk", "bbc.com", "bbc.net.uk", "bbcmedia.co.uk",
		// The BBC's own hosts with a content network that serves others too.
		"aod-pod-uk-live.akamaized.net", "as-dash-uk-live.akamaized.net", "as-hls-uk-live.akamaized.net",
		"ve-dash-uk-live.akamaized.net", "vod-dash-uk-live.akamaized.net", "vod-dash-ww-live.akamaized.net",
		"vod-hls-uk-live.akamaized.net", "vod-sub-uk-live.akamaized.net", "vod-thumb-uk-live.akamaized.net",
		"vod-thumb-ww-live.akamaized.net", "vs-cmaf-push-uk-live.akamaized.net", "vs-cmaf-pushb-ww-live.akamaized.net",
		"vs-hls-push-uk-live.akamaized.net", "vs-hls-pushb-uk-live.akamaized.net",
	}},
	{"phonicsplay", "PhonicsPlay", []string{"phonicsplay.co.uk"}},
	{"phonicsbloom", "Phonics Bloom", []string{"phonicsbloom.com"}},
	{"teach-your-monster", "Teach Your Monster", []string{"teachyourmonster.org", "teachyourmonstertoread.com"}},
	{"topmarks", "Topmarks", []string{"topmarks.co.uk"}},
	{"ictgames", "ICT Games", []string{"ictgames.com"}},
	{"numberblocks", "Numberblocks and Alphablocks", []string{"learningblocks.tv", "numberblocks.tv"}},
	{"oxford-owl", "Oxford Owl", []string{"oxfordowl.co.uk"}},
	{"twinkl", "Twinkl", []string{"twinkl.co.uk", "twinkl.com"}},
	{"purple-mash", "Purple Mash (2Simple)", []string{"purplemash.com", "2simple.com"}},
	{"busythings", "Busy Things", []string{"busythings.co.uk"}},
	{"j2e", "J2E and JIT5", []string{"j2e.com"}},
	{"tapestry", "Tapestry", []string{"tapestryjournal.com", "tapestry.info", "eyfs.info"}},
	{"famly", "Famly", []string{"famly.co"}},
	{"parentzone", "ParentZone and iConnect", []string{"parentzone.me", "connectchildcare.com"}},
	{"class-dojo", "ClassDojo", []string{"classdojo.com"}},
	{"seesaw", "Seesaw", []string{"seesaw.me"}},
	{"charanga", "Charanga", []string{"charanga.com"}},
	{"white-rose", "White Rose Maths", []string{"whiterosemaths.com", "whiteroseeducation.com"}},
	{"oak", "Oak National Academy", []string{"thenational.academy"}},
	{"natgeo-kids", "National Geographic Kids", []string{"natgeokids.com"}},
	{"woodland-trust", "Woodland Trust", []string{"woodlandtrust.org.uk"}},
	{"booktrust", "BookTrust", []string{"booktrust.org.uk"}},
	{"wikimedia", "Wikimedia Commons", []string{"commons.wikimedia.org", "upload.wikimedia.org"}},
	{"lgfl", "LGfL", []string{"lgfl.org.uk", "lgfl.net"}},
}
