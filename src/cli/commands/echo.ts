/** `vnet echo TEXT`: there and back through the first vnet that is found. */
import type { FoundDevice } from '../../control/index.ts'
import { askVnets } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export function echo(text: string, { json }: { readonly json?: boolean }, io: Io): Promise<number> {
  return askVnets('vnet echo', [], io, async (client, { devices }) => {
    const [{ vnet }] = devices as [FoundDevice]
    const answer = await client.echo(vnet, text)
    io.out(json ? `${JSON.stringify({ event: 'echo', text: answer })}\n` : `${answer}\n`)
    return EXIT_OK
  })
}
