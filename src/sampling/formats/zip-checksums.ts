const directoryEntry = 0x02014b50
const directoryEnd = 0x06054b50

/** CRC-32 of the entries of a ZIP file, from the directory at its end. Where that is elsewhere, above 4 GiB, there are none. */
export function zipChecksums(file: Uint8Array): Map<string, number> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const checksums = new Map<string, number>()
  let end = file.length - 22
  while (end >= 0 && view.getUint32(end, true) !== directoryEnd) end--
  if (end < 0) return checksums
  let offset = view.getUint32(end + 16, true)
  while (offset + 46 <= end && view.getUint32(offset, true) === directoryEntry) {
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(offset + field, true))
    const bytes = file.subarray(offset + 46, offset + 46 + name)
    checksums.set(new TextDecoder().decode(bytes), view.getUint32(offset + 16, true))
    offset += 46 + name + extra + comment
  }
  return checksums
}
