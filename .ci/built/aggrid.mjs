// What ui/components/jobs uses of AG Grid. A missing module does nothing, so try changes with `.ci/built.sh develop`.
import {
  CellApiModule,
  CellStyleModule,
  ColumnApiModule,
  ColumnAutoSizeModule,
  createGrid,
  InfiniteRowModelModule,
  ModuleRegistry,
  RowApiModule,
  RowSelectionModule,
  RowStyleModule,
  ScrollApiModule,
  themeQuartz,
  ValidationModule,
} from "ag-grid-community";

const modules = [
  CellApiModule,
  CellStyleModule,
  ColumnApiModule,
  ColumnAutoSizeModule,
  InfiniteRowModelModule,
  RowApiModule,
  RowSelectionModule,
  RowStyleModule,
  ScrollApiModule,
];
ModuleRegistry.registerModules(DEVELOP ? [...modules, ValidationModule] : modules);

export { createGrid, themeQuartz };
