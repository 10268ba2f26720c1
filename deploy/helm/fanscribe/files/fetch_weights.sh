# Puts the weights into $TARGET, whole and checked or not at all. From the folder $SOURCE of this image,
# or by rclone from $REMOTE. Several pods may do so at the same time on one shared volume.
set -eu
if [ -e "$TARGET/model.bin" ]; then
    echo "the weights are there already: $TARGET"
    exit 0
fi
part="$TARGET.part-$HOSTNAME"
rm -rf "$part"
mkdir -p "$part"
if [ -n "${REMOTE:-}" ]; then
    rclone copy --retries 5 "$REMOTE" "$part"
else
    cp -R "$SOURCE/." "$part"
fi
if ! echo "$SHA256  $part/model.bin" | sha256sum -c -; then
    echo "model.bin is not what inference.weights.sha256 says; its SHA-256 is:" >&2
    sha256sum "$part/model.bin" >&2
    rm -rf "$part"
    exit 1
fi
# Another pod may have been faster; a folder is renamed only onto a name that is free.
mv -T "$part" "$TARGET" 2>/dev/null || rm -rf "$part"
test -e "$TARGET/model.bin"
