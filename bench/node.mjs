/** Requests to a `vnet node` of a sample. */

export const socketOf = (net, name = 'node') => `${net.directory}/${name}.sock`

/**
 * Attaches to interfaces, by default without stages, or detaches from them. Throws one line if the
 * daemon refuses.
 */
export async function request(socket, what, names, wire) {
  const { askAgent } = await import('../dist/agent/client.js')
  for (const name of names) {
    const { status, text } = await askAgent({ do: what, name, wire }, socket)
    if (status !== 0) throw new Error(`vnet node: ${what} ${name}: ${text}`)
  }
}
