/** How far the code is kept apart from the machine. */
export type Level = "none" | "rlimit" | "strict" | "ns"
