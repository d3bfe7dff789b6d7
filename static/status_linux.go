package static

import "syscall"

// systemShortages are those that only Linux has.
var systemShortages = []syscall.Errno{
	syscall.ENOMEDIUM, syscall.ENOLINK, syscall.ENONET, syscall.ECOMM, syscall.EREMOTEIO,
	syscall.EUCLEAN, syscall.EBADMSG, // a damaged file system, or block
	syscall.ENOKEY, syscall.EKEYEXPIRED, syscall.EKEYREVOKED, // locked by fscrypt, or Kerberos
}
