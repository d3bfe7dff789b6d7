package listing

// Names are kept in a few large chunks that the garbage collector need not
// scan, each found by a 32-bit number. A million names of 20 bytes take 26 MB,
// where strings would take 40 MB and a million objects.

const (
	// maxName, in bytes, is the length of the longest name that is listed. File
	// systems have up to 765 (255 UTF-16 units on Windows).
	maxName = 1024

	// A ref is the index of a chunk, then the offset in it.
	offsetBits = 20
	firstChunk = 4 << 10
	chunkSize  = 1 << offsetBits

	// A name is kept behind two bytes with its length and this bit.
	folderBit = 1 << 15
)

// ref finds a name in an arena.
type ref uint32

// arena holds names. Its chunks grow, so that a small folder costs little. The
// zero arena is ready to use.
type arena struct {
	chunks [][]byte
	size   int // bytes of all chunks
}

// add keeps a copy of a name.
func (a *arena) add(name string, isFolder bool) ref {
	need := 2 + len(name)
	last := len(a.chunks) - 1
	if last < 0 || cap(a.chunks[last])-len(a.chunks[last]) < need {
		size := firstChunk
		if last >= 0 {
			size = min(4*cap(a.chunks[last]), chunkSize)
		}
		a.chunks = append(a.chunks, make([]byte, 0, size))
		a.size += size
		last++
	}
	head := len(name)
	if isFolder {
		head |= folderBit
	}
	chunk := a.chunks[last]
	r := ref(last<<offsetBits | len(chunk))
	a.chunks[last] = append(append(chunk, byte(head), byte(head>>8)), name...)
	return r
}

// at is the name that add gave r for. It must not be changed or kept.
func (a *arena) at(r ref) (name []byte, isFolder bool) {
	return unpackName(a.chunks[r>>offsetBits][r&(1<<offsetBits-1):])
}

func unpackName(entry []byte) (name []byte, isFolder bool) {
	head := int(entry[0]) | int(entry[1])<<8
	return entry[2 : 2+head&^folderBit], head&folderBit != 0
}

// compare puts folders first, then names in their order.
func (a *arena) compare(r, s ref, descending bool) int {
	name, isFolder := a.at(r)
	other, otherIsFolder := a.at(s)
	return compareEntries(name, isFolder, other, otherIsFolder, descending)
}

func compareEntries(a []byte, aIsFolder bool, b []byte, bIsFolder, descending bool) int {
	switch {
	case aIsFolder && !bIsFolder:
		return -1
	case bIsFolder && !aIsFolder:
		return 1
	case descending:
		return compareNames(b, a)
	}
	return compareNames(a, b)
}
