/** How CPU time grows with size. */

/** The exponent that linear work may have, if its smallest size takes more than so many ms. */
const LINEAR = 1.1
const LEAST = 50

/** Returns the least squares' slope of the logarithms: 1 for work that is linear in the size. */
export function exponentOf(sizes, costs) {
  const [xs, ys] = [sizes, costs].map(values => values.map(Math.log))
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(xs), mean(ys)]
  const products = values => xs.reduce((sum, each, i) => sum + (each - x) * values(i), 0)
  return products(i => ys[i] - y) / products(i => xs[i] - x)
}

/** Returns a row of the table. Fixed costs hide growth, so it has the exponent of the last step. */
export function rowOf(title, sizes, costs) {
  const exponent = exponentOf(sizes, costs)
  const last = exponentOf(sizes.slice(-2), costs.slice(-2))
  const verdict = costs[0] > LEAST && exponent > LINEAR ? `**over ${LINEAR}**` : ''
  const cells = costs.map(
    (ms, i) => `${sizes[i].toLocaleString('en')}: ${ms.toFixed(ms < 100 ? 1 : 0)}`,
  )
  return `| ${title} | ${cells.join(', ')} | ${exponent.toFixed(2)} | ${last.toFixed(2)} | ${verdict} |`
}
