// Numeric cells side by side in a row of a table, whose figures lead to what they count. See table.py.

import { h } from "vue";

export default {
  inheritAttrs: false, // there is no one element around them
  props: { cells: Array },
  render() {
    return this.cells.map(([column, figure, href]) =>
      h("td", { key: column, class: "num", "data-label": column }, [
        h("a", { class: "nicegui-link figure", href }, figure),
      ]),
    );
  },
};
