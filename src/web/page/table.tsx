/** The head of a table. */

interface HeadsProps {
  /** An empty one is of a column of buttons. */
  readonly titles: readonly string[]
  /** The classes of a column, by its place. */
  readonly classOf?: (column: number) => string
}

export function Heads({ titles, classOf = () => '' }: HeadsProps) {
  const heads = titles.map((title, i) => (
    <th key={i} scope="col" class={classOf(i)}>
      {title}
    </th>
  ))
  return (
    <thead>
      <tr>{heads.map((head, i) => (titles[i] === '' ? <td key={i} /> : head))}</tr>
    </thead>
  )
}
