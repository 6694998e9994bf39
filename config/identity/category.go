package identity

// Category is the identifier of a kind of web site, such as "gambling". The
// names are stable: they stand in the configuration and in the query log.
type Category string

// The categories of the built-in table, after the headings of the two seed
// policies and of the UKSIC provider checklist.
const (
	Pornography Category = "pornography"
	Illegal     Category = "illegal"
	Malware     Category = "malware"
	SelfHarm    Category = "self-harm"
	Violence    Category = "violence"
	Hate        Category = "hate"
	Drugs       Category = "drugs"
	Gaming      Category = "gaming"
	Gambling    Category = "gambling"
	Social      Category = "social"
	Chat        Category = "chat"
	Webmail     Category = "webmail"
	Shopping    Category = "shopping"
	Streaming   Category = "streaming"
	Piracy      Category = "piracy"
	Bypass      Category = "bypass"    // VPN, proxy, Tor, encrypted DNS
	Downloads   Category = "downloads" // programs and apps
	AI          Category = "ai"        // assistants and picture makers
)

// Categories lists every category with the words a person reads, in the order
// in which the admin page shows them.
func Categories() []CategoryInfo {
	return []CategoryInfo{
		{Illegal, "Illegal content", true},
		{Pornography, "Pornography", true},
		{Malware, "Malware, phishing and scams", true},
		{SelfHarm, "Self-harm and suicide", false},
		{Violence, "Violence and weapons", false},
		{Hate, "Hate and extremism", false},
		{Drugs, "Drugs and smoking", false},
		{Bypass, "Ways round the filter (VPN, proxy, encrypted DNS)", false},
		{Gambling, "Gambling", false},
		{Piracy, "Piracy and illegal downloads", false},
		{Downloads, "Programs and apps to download", false},
		{AI, "Artificial intelligence (assistants, pictures)", false},
		{Gaming, "Games", false},
		{Social, "Social networks", false},
		{Chat, "Chat and messaging", false},
		{Webmail, "Personal webmail", false},
		{Shopping, "Shopping", false},
		{Streaming, "Film, television and music streaming", false},
	}
}

// CategoryInfo is a category with its words.
type CategoryInfo struct {
	ID     Category
	Name   string
	Locked bool // blocked for everybody, always; no setting can open it
}

// Info finds a category; ok is false when there is no such category.
func (c Category) Info() (info CategoryInfo, ok bool) {
	for _, i := range Categories() {
		if i.ID == c {
			return i, true
		}
	}
	return CategoryInfo{}, false
}
