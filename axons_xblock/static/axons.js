/* The Axons front end: loads its modules from the block's own static folder. Source: axons_xblock/frontend. */
(function () {
  "use strict";
  /**
   * @param {unknown} runtime the XBlock runtime
   * @param {any} element a DOM node in the LMS, a jQuery collection in Studio
   * @param {{static_base?: string}} args
   */
  function AxonsBlock(runtime, element, args) {
    var base = new URL(String((args && args.static_base) || "./").replace(/\/?$/, "/"), document.baseURI).href;
    // The main module's own imports start loading with it instead of after it.
    ["chunks/core-140zuKyz.js"].forEach(function (file) {
      var link = document.createElement("link");
      link.rel = "modulepreload";
      link.href = base + file;
      document.head.appendChild(link);
    });
    return import(base + "chunks/main-AZPKWXfo.js").then(
      /** @param {{mount: (runtime: unknown, element: unknown, args: unknown) => unknown}} main */
      function (main) {
        return main.mount(runtime, element, args);
      },
      function (error) {
        var root = element && element.jquery ? element[0] : element;
        var note = document.createElement("p");
        note.setAttribute("role", "alert");
        note.textContent = "This exercise could not be loaded. Check your connection and reload the page.";
        if (root && root.appendChild) root.appendChild(note);
        throw error;
      },
    );
  }
  /** @type {any} */ (window).AxonsBlock = AxonsBlock;
})();
