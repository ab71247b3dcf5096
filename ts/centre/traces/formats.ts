/** Traces that the field publishes, and the tables that each is read from. */
export const TRACE_TABLES = {
  "azure-2017": ["vmtable", "cpu"],
  "azure-2019": ["vmtable", "cpu"],
  "google-2011": ["events", "usage"],
  "google-2019": ["usage"],
  bitbrains: ["vm"],
  "alibaba-2018": ["meta", "usage"],
} as const;

export type TraceFormat = keyof typeof TRACE_TABLES;
export const TRACE_FORMATS = Object.keys(TRACE_TABLES) as readonly TraceFormat[];
