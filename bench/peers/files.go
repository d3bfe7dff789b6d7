//go:build linux

package peers

// This file makes what is served. It exists so that all servers have the very
// same files, in the page cache unless the disk is what is asked about.

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"fullbore/bench/load"
)

// Names of files that are served.
const (
	checkName = "check.bin" // random, to compare
	wholeName = "whole.bin" // sparse
	partName  = "part.bin"  // sparse, for downloads in parallel
	tlsName   = "tls.bin"   // sparse
	coldName  = "cold.bin"  // random, on disk
)

func smallName(size int64) string { return "small-" + strconv.FormatInt(size, 10) }

// randomFile makes a file of random bytes, which no file system compresses, and
// has it on disk when it returns.
func randomFile(path string, size int64) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(file, 1<<20)
	_, err = io.CopyN(buffered, rand.Reader, size)
	return errors.Join(err, buffered.Flush(), file.Sync(), file.Close())
}

// sparseFile makes a file without blocks and reads it once, so that no server is
// the first to do so and pays for filling the page cache.
func sparseFile(path string, size int64) error {
	if err := load.SparseFile(path, size); err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := make([]byte, 1<<20)
	for {
		if _, err := file.Read(buffer); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// emptyFiles makes a folder with n empty files.
func emptyFiles(folder string, n int) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	for i := range n {
		fd, err := unix.Open(filepath.Join(folder, fmt.Sprintf("file-%06d.bin", i)), unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
		if err != nil {
			return fmt.Errorf("make %d empty files: %w", n, err)
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("make %d empty files: %w", n, err)
		}
	}
	return nil
}

// dropFromCache takes a file out of the page cache with posix_fadvise(2), and
// makes sure with mincore(2) that it is gone: the advice is only advice.
func dropFromCache(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("posix_fadvise %s: %w", path, err)
	}
	resident, err := residentPages(file)
	if err != nil {
		return err
	}
	if resident > 0 {
		return fmt.Errorf("%d pages of the file stay in the page cache: the file system of the scratch folder keeps them", resident)
	}
	return nil
}

// residentPages counts a file's pages in the page cache.
func residentPages(file *os.File) (int, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	mapped, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("mmap %s: %w", file.Name(), err)
	}
	defer func() { _ = unix.Munmap(mapped) }()
	flags := make([]byte, (len(mapped)+os.Getpagesize()-1)/os.Getpagesize())
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), uintptr(len(mapped)), uintptr(unsafe.Pointer(&flags[0])))
	if errno != 0 {
		return 0, fmt.Errorf("mincore %s: %w", file.Name(), errno)
	}
	resident := 0
	for _, flag := range flags {
		resident += int(flag & 1)
	}
	return resident, nil
}

// certificate makes a self-signed certificate for 127.0.0.1, ECDSA P-256, and
// its key, readable by any user that a server may switch to.
func certificate(folder string) (certFile, keyFile string, roots *x509.CertPool, err error) {
	fail := func(err error) (string, string, *x509.CertPool, error) {
		return "", "", nil, fmt.Errorf("make certificate: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "fullbore bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fail(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fail(err)
	}
	certFile, keyFile = filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
	err = errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o644),
	)
	if err != nil {
		return fail(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return fail(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return certFile, keyFile, roots, nil
}
