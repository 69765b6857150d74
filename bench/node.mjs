/** Requests to a `vnet node` of a sample. */

export const socketOf = (net, name = 'node') => `${net.directory}/${name}.sock`

/** Attaches to interfaces, or detaches from them. Throws one line if the daemon refuses. */
export async function request(socket, what, names) {
  const { askNode } = await import('../dist/node/client.js')
  for (const name of names) {
    const { status, text } = await askNode({ do: what, name }, socket)
    if (status !== 0) throw new Error(`vnet node: ${what} ${name}: ${text}`)
  }
}
