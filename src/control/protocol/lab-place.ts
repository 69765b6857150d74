/** The names of the namespaces of labs. */

/** Returns the lab and the host in the name of a namespace: `my:client`; undefined for others. */
export function labPlace(
  netns: string | undefined,
): { readonly lab: string; readonly host: string } | undefined {
  // Namespaces without a name are called net:[4026531840].
  const [, lab, host] = /^([\w.-]+):([\w-]+)$/.exec(netns ?? '') ?? []
  return lab === undefined || host === undefined ? undefined : { lab, host }
}
