/** GET /capture: the frames of a device as a pcapng file, until the client closes it. */
import type { ServerResponse } from 'node:http'
import type { ControlClient, FoundDevice } from '../control/index.ts'

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
  const end = () => void stream[Symbol.asyncDispose]()
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
    if (!response.write(bytes.slice())) await drained(response)
  }
  response.end()
}

/** Settles when there is room for more, or the client has disconnected. */
function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
