package source

import "syscall"

// What only Linux has.
var (
	systemOfTheFile = []syscall.Errno{
		syscall.EUCLEAN, syscall.EBADMSG, // a damaged file system, or block
		syscall.ENOKEY, syscall.EKEYEXPIRED, syscall.EKEYREVOKED, // locked by fscrypt, or Kerberos
	}
	systemOfStorage = []syscall.Errno{
		syscall.ENOMEDIUM, syscall.ENOLINK, syscall.ENONET, syscall.ECOMM, syscall.EREMOTEIO,
	}
)
