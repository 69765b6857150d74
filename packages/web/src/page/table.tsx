/** A table with a head. The first cell of a row is its name. */
import type { ComponentChildren, RefObject } from 'preact'

export interface Column<Row> {
  /** An empty one is of a column of buttons. */
  readonly title: string
  readonly class?: string
  cell(row: Row): ComponentChildren
}

/** A narrow page leaves out columns of the class `whole`. */
export const numbers = <Row,>(title: string, cell: (row: Row) => string, more = ''): Column<Row> => {
  return { title, cell, class: `number ${more}` }
}

/** Numbers that are red unless they are 0. */
export const troubles = <Row,>(title: string, text: (row: Row) => string): Column<Row> => {
  return { title, class: 'number', cell: row => <span class={text(row) === '0' ? 'muted' : 'drop'}>{text(row)}</span> }
}

interface TableProps<Row> {
  readonly class?: string
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly host?: RefObject<HTMLTableElement | null>
}

export function Table<Row>({ class: name, columns, rows, keyOf, host }: TableProps<Row>) {
  const head = ({ title, class: name }: Column<Row>) => (
    <th key={title} scope="col" class={name}>
      {title}
    </th>
  )
  const cell = ({ title, class: name, cell }: Column<Row>, row: Row, i: number) => {
    const Cell = i === 0 ? 'th' : 'td'
    return (
      <Cell key={title} class={name} {...(i === 0 && { scope: 'row' })}>
        {cell(row)}
      </Cell>
    )
  }
  return (
    <table class={name} {...(host && { ref: host })}>
      <thead>
        <tr>{columns.map(column => (column.title === '' ? <td key="" /> : head(column)))}</tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <tr key={keyOf(row)}>{columns.map((column, i) => cell(column, row, i))}</tr>
        ))}
      </tbody>
    </table>
  )
}
