/** GET /capture: the frames of a device as a pcapng file, until the client closes it. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ControlClient, FoundDevice } from 'vnet/internal/control/index'

/**
 * Starts a capture and sends it. The vnet sends only as fast as it is read: frames for which a slow
 * client has no room are lost, and counted in the file. Throws a VnetError or a UsageError if it
 * cannot start.
 */
export async function sendCapture(
  client: ControlClient,
  device: FoundDevice,
  filter: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const stream = await client.capture(device.vnet, { devices: [device], filter })
  const closed = new AbortController()
  const end = () => {
    closed.abort()
    void stream[Symbol.asyncDispose]()
  }
  response.on('close', end)
  if (response.destroyed) return end()
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename=vnet.pcapng',
  }
  response.writeHead(200, headers)
  // An interface may be silent for as long as it likes.
  response.socket?.setTimeout(0)
  for await (const bytes of stream) {
    // A copy, because the bytes are valid until the next are read.
    if (!response.write(bytes.slice())) await once(response, 'drain', { signal: closed.signal }).catch(() => {})
  }
  response.end()
}
