/** How one refusal travels. `next` says what the caller can do about it. */
export type RefusalText = Readonly<{ status: number; title: string; next: string }>

export const text = (status: number, title: string, next: string): RefusalText => ({
  status,
  title,
  next,
})
