extern int sl_empty_layer;
