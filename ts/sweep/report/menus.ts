/** Elements of the page of a report. */

/** An element with what is in it. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Partial<HTMLElementTagNameMap[Name]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

export interface Choice<T> {
  readonly label: string;
  readonly value: T;
}

/** A menu. `id` is for tests, and for whoever links to it. */
export function menu<T>(
  id: string,
  label: string,
  {
    choices,
    chosen,
    onChange,
  }: {
    readonly choices: readonly Choice<T>[];
    readonly chosen: T;
    readonly onChange: (value: T) => void;
  },
): HTMLElement {
  const select = element("select", { id });
  for (const [i, choice] of choices.entries())
    select.append(
      element("option", {
        value: String(i),
        textContent: choice.label,
        selected: choice.value === chosen,
      }),
    );
  select.addEventListener("change", () =>
    onChange((choices[select.selectedIndex] as Choice<T>).value),
  );
  return element("label", { className: "menu" }, element("span", {}, label), select);
}
