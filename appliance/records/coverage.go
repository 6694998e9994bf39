package records

import "time"

// Coverage says how many of those who use the network have signed.
type Coverage struct {
	Devices int // seen in the last 30 days, not revoked
	Signed  int // of those, with a valid signature of this version
	People  int // different people whose signature of this version is valid
	Waiting int // devices nobody has approved yet
}

// Coverage counts signatures of a policy version at a time.
func (db *DB) Coverage(policyVersion string, at time.Time) (c Coverage, err error) {
	since, valid := micros(at.AddDate(0, 0, -30)), micros(at.Add(-signatureLife))
	err = db.file.readRow(`SELECT
		(SELECT count(*) FROM devices WHERE state <> 'revoked' AND last_seen >= ?1),
		(SELECT count(*) FROM devices AS d WHERE state <> 'revoked' AND last_seen >= ?1
			AND EXISTS (SELECT 1 FROM signatures AS s WHERE s.mac = d.mac AND s.policy_version = ?2 AND s.signed_at > ?3)),
		(SELECT count(DISTINCT person) FROM signatures WHERE policy_version = ?2 AND signed_at > ?3),
		(SELECT count(*) FROM devices WHERE state = 'waiting')`,
		since, policyVersion, valid).Scan(&c.Devices, &c.Signed, &c.People, &c.Waiting)
	return c, reading("the coverage", err)
}
