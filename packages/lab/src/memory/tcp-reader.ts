/** TcpReader: reads a TcpConnection as libuv does: up to 64 KiB at a time, and then the end. */
import type { TcpConnection } from './stack/contract.ts'

/** The most that libuv reads at a time. */
const READ_MAX = 65536
const NOTHING = new Uint8Array(0)

export class TcpReader {
  /** Whether `read` may return something: bytes or the end. */
  isReadable = false
  /** Whether everything before the peer's FIN was read. */
  isAtEnd = false

  /** Returns the next bytes: empty if nothing has arrived, and at the end. */
  read(connection: TcpConnection | undefined): Uint8Array {
    const chunks: Uint8Array[] = []
    for (let size = 0; size < READ_MAX && !this.isAtEnd; ) {
      const bytes = connection?.read()
      if (bytes === undefined) {
        this.isReadable = false
        break
      }
      this.isAtEnd = bytes === null
      if (bytes !== null) chunks.push(bytes)
      size += bytes?.length ?? 0
    }
    if (chunks.length === 0 && this.isAtEnd) this.isReadable = false
    return chunks.length > 1 ? Buffer.concat(chunks) : (chunks[0] ?? NOTHING)
  }
}
