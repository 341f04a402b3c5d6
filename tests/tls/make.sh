#!/bin/sh
# make.sh DIR - the certificates of the tests of TLS, made anew, with openssl.
# SPDX-License-Identifier: ISC
#
# They are valid from 2020 to 2120, but for expired.pem.
set -e
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
from=20200101000000Z to=21200101000000Z
cat >"$work/ca.cnf" <<END
[ca]
default_ca = here
[here]
database = $work/index
new_certs_dir = $work
serial = $work/serial
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
END
: >"$work/index"
echo 1000 >"$work/serial"

key() { # key FILE ec|rsa
  case $2 in
    ec) openssl ecparam -name prime256v1 -genkey -noout -out "$1" ;;
    rsa) openssl genrsa -traditional -out "$1" 2048 ;;
  esac
}
authority() { # authority NAME SUBJECT
  key "$work/$1.key" ec
  openssl req -new -key "$work/$1.key" -subj "/CN=$2" -out "$work/$1.csr" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign
  openssl ca -batch -config "$work/ca.cnf" -selfsign -keyfile "$work/$1.key" \
    -in "$work/$1.csr" -out "$1.pem" -startdate $from -enddate $to -notext
}
server() { # server NAME ec|rsa AUTHORITY HOST FROM TO
  key "$1.key" "$2"
  openssl req -new -key "$1.key" -subj "/CN=$4" -addext "subjectAltName=DNS:$4" \
    -out "$work/$1.csr"
  openssl ca -batch -config "$work/ca.cnf" -cert "$3.pem" -keyfile "$work/$3.key" \
    -in "$work/$1.csr" -out "$1.pem" -startdate "$5" -enddate "$6" -notext
}
authority root 'Test Root'
authority stranger 'Test Stranger'
server ec ec root example.test $from $to
server rsa rsa root example.test $from $to
server expired ec root example.test $from 20210101000000Z
server strange ec stranger example.test $from $to
