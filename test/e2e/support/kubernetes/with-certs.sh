#!/bin/sh
# with-certs.sh CERTS ROOT COMMAND...: runs a command that finds the folder CERTS at /certs, which is
# where Envoy Gateway looks for its certificates when its resources come from Kubernetes, and that
# leaves nothing in /var/lib/eg, where it then keeps its Wasm modules. Needs a mount namespace of its
# own and no rights outside it: `unshare --user --map-root-user --mount` gives both to anybody. The
# command sees this machine's files as they are, through the folder ROOT.
set -eu
certs=$1
root=$2
shift 2

# Only in a file system of our own can we make new folders beside the ones that exist.
mirror() {
  mount -t tmpfs tmpfs "$2"
  for entry in "$1"/*; do
    copy=$2/${entry##*/}
    if [ -L "$entry" ]; then
      cp -P "$entry" "$copy"
    elif [ -d "$entry" ]; then
      mkdir "$copy"
      mount --rbind "$entry" "$copy"
    fi
  done
}

mirror '' "$root"
mirror /var/lib "$root/var/lib"
mkdir -p "$root/certs" "$root/var/lib/eg"
mount --bind "$certs" "$root/certs"
mount -t tmpfs tmpfs "$root/var/lib/eg"
exec chroot "$root" "$@"
